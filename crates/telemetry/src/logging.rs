//! Starting the subscriber: log lines on standard output, one event a line, as text or as JSON.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
    /// Text on a terminal, JSON elsewhere.
    Auto,
}

/// Logging could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The filter does not parse; the text names the directive.
    #[error("log level `{filter}`: {reason}")]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A subscriber is installed already.
    #[error("logging was started twice")]
    Twice,
}

/// Checks a filter such as `info` or `info,replica=debug` without starting anything.
pub fn check_filter(filter: &str) -> Result<(), LoggingError> {
    parse(filter).map(drop)
}

/// Starts logging for the whole process. `filter` is a level, or `target=level` directives.
pub fn init(format: Format, filter: &str) -> Result<(), LoggingError> {
    let filter = parse(filter)?;
    let text = match format {
        Format::Text => true,
        Format::Json => false,
        Format::Auto => std::io::stdout().is_terminal(),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter);
    if text {
        builder
            .with_ansi(std::io::stdout().is_terminal())
            .finish()
            .try_init()
    } else {
        builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .finish()
            .try_init()
    }
    .map_err(|_twice| LoggingError::Twice)
}

fn parse(filter: &str) -> Result<EnvFilter, LoggingError> {
    EnvFilter::try_new(filter).map_err(|reason| LoggingError::Filter {
        filter: filter.to_owned(),
        reason: reason.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_names_levels_and_targets() {
        check_filter("info,replica=debug").unwrap();
        assert!(check_filter("replica=loud").is_err());
    }
}
