//! `Exports`: results as files and as a feed. What is published is put together once for each size
//! of the log, and each file is written and read back once, however many ask.
//!
//! A file that does not say what was meant is not offered; that counts in a metric, names the place,
//! and stops nothing else.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use export::feed::Page;
use export::{Edition, ExportFault, Format, Issuer, Moment, Publication};
use futures::Stream;
use ledger::{Fault, Tables, View};
use merkle::LeafIndex;
use proto::v1::exports_server::Exports;
use proto::v1::{ExportChunk, ExportHead, FeedPage, GetExportRequest, GetFeedRequest};
use telemetry::ExportFormat;
use tonic::{Request, Response, Status};

use super::status;
use crate::admission::sources::Source;
use crate::config::Publisher;
use crate::core::Core;

/// Bytes of a file in one message.
const CHUNK: usize = 256 * 1024;

/// Leaves one page of the feed tells of, when the caller does not say, and at most.
const PAGE: u64 = 500;

/// The service.
#[derive(Debug)]
pub(crate) struct Service {
    core: Arc<Core>,
    newest: Mutex<Option<Arc<Issue>>>,
    /// One file is written at a time: the largest takes a hundred megabytes while it is checked.
    writing: tokio::sync::Mutex<()>,
}

/// What is published at one size of the log, with the files written so far.
#[derive(Debug)]
struct Issue {
    publication: Publication,
    files: Mutex<BTreeMap<Format, Bytes>>,
}

impl Service {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            newest: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
        }
    }

    /// The publication of the state as it is now.
    async fn issue(&self) -> Result<Arc<Issue>, Status> {
        let size = self.core.applied_size();
        let known = self
            .newest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(known) = known.filter(|known| known.publication.log.size == size) {
            return Ok(known);
        }
        #[expect(
            clippy::redundant_closure,
            reason = "the function alone is not general enough over the borrow of the view"
        )]
        let made = self
            .core
            .read_for_caller(|core, view| publication(core, view));
        let undated = || Status::unavailable("this node cannot date a publication");
        let publication = made.await?.ok_or_else(undated)?;
        let issue = Arc::new(Issue {
            publication,
            files: Mutex::default(),
        });
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        *newest = Some(Arc::clone(&issue));
        Ok(issue)
    }

    /// A file of an issue, written and read back at the first call for it.
    async fn file(&self, issue: &Arc<Issue>, format: Format) -> Result<Bytes, Status> {
        let _turn = self.writing.lock().await;
        if let Some(file) = issue.written(format) {
            return Ok(file);
        }
        let of = Arc::clone(issue);
        let writing = tokio::task::spawn_blocking(move || export::checked(format, &of.publication));
        let written = writing
            .await
            .map_err(|_cut_short| Status::unavailable("this node is shutting down"))?;
        let file = Bytes::from(written.map_err(|fault| self.failed(&fault))?);
        let mut files = issue.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.insert(format, file.clone());
        Ok(file)
    }

    /// A file failed its check: it is counted, named, and not offered.
    fn failed(&self, fault: &ExportFault) -> Status {
        self.core
            .metrics
            .exports_failed
            .increment(counted(fault.format));
        tracing::error!(
            format = fault.format.as_str(),
            place = fault.place,
            cell = fault.cell,
            error = %fault,
            "an export failed its check and is not offered"
        );
        Status::data_loss(format!(
            "the file failed its check and is not offered: {fault}"
        ))
    }

    async fn confirm(&self, local: bool) -> Result<(), Status> {
        if !self.core.initialized() {
            return Err(status::not_initialized());
        }
        if local {
            return Ok(());
        }
        crate::barrier::pass(&self.core)
            .await
            .map_err(|error| status::unconfirmed(&error))
    }
}

impl Issue {
    fn written(&self, format: Format) -> Option<Bytes> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.get(&format).cloned()
    }
}

fn publication<T: Tables>(core: &Core, view: &View<'_, T>) -> Result<Option<Publication>, Fault> {
    let Some(charter) = core.charters.at(view, view.tree_size()?)? else {
        return Ok(None);
    };
    let Some(generated) = Moment::from_unix(core.clock.seconds().get()) else {
        return Ok(None);
    };
    let opens = || Moment::from_unix(charter.manifest.opens.get()).map(Moment::day);
    let day = core.publisher.day.map(|day| day.0).or_else(opens);
    let Some(day) = day else { return Ok(None) };
    let Publisher {
        name,
        abbreviation,
        state,
        day: _,
    } = &core.publisher;
    let or_election =
        |text: &Option<String>| text.clone().unwrap_or_else(|| core.whoami.election.clone());
    let title = || {
        view.rules()
            .map(|rules| rules.map(|rules| rules.title().to_owned()))
    };
    let issuer = Issuer {
        name: or_election(name),
        abbreviation: or_election(abbreviation),
        state: match state {
            Some(state) => state.clone(),
            None => title()?.unwrap_or_default(),
        },
    };
    Publication::of(
        view,
        Edition {
            issuer,
            day,
            generated,
            build: concat!("tally ", env!("CARGO_PKG_VERSION")).to_owned(),
        },
    )
}

fn counted(format: Format) -> ExportFormat {
    match format {
        Format::CsvTidy => ExportFormat::CsvTidy,
        Format::CsvWide => ExportFormat::CsvWide,
        Format::Json => ExportFormat::Json,
        Format::Nist => ExportFormat::Nist,
    }
}

#[tonic::async_trait]
impl Exports for Service {
    type GetExportStream =
        Pin<Box<dyn Stream<Item = Result<ExportChunk, Status>> + Send + 'static>>;

    async fn get_export(
        &self,
        request: Request<GetExportRequest>,
    ) -> Result<Response<Self::GetExportStream>, Status> {
        let place = self
            .core
            .admission
            .read(Source::of(request.extensions()))
            .map_err(status::rejected)?;
        let GetExportRequest { format, local } = request.into_inner();
        let format = Format::parse(&format)
            .ok_or_else(|| status::invalid("the formats are csv, csv-wide, json and nist"))?;
        self.confirm(local).await?;
        let issue = self.issue().await?;
        let file = self.file(&issue, format).await?;
        let log = issue.publication.log;
        let head = ExportHead {
            file_name: format.file_name(&issue.publication),
            media_type: format.media_type().to_owned(),
            bytes: u64::try_from(file.len()).unwrap_or(u64::MAX),
            sha256: merkle::sha256(&file).as_bytes().to_vec().into(),
            tree_size: log.size.get(),
            root: log.root.as_bytes().to_vec().into(),
            linearizable: !local,
        };
        let first = ExportChunk {
            data: Bytes::new(),
            head: Some(head),
        };
        let pieces = (0..file.len()).step_by(CHUNK).map(move |from| {
            let to = from.saturating_add(CHUNK).min(file.len());
            ExportChunk {
                data: file.slice(from..to),
                head: None,
            }
        });
        let all = std::iter::once(first).chain(pieces).map(move |chunk| {
            // The place is held until the last piece is taken.
            let _place = &place;
            Ok(chunk)
        });
        Ok(Response::new(Box::pin(futures::stream::iter(all))))
    }

    async fn get_feed(
        &self,
        request: Request<GetFeedRequest>,
    ) -> Result<Response<FeedPage>, Status> {
        let _place = self
            .core
            .admission
            .read(Source::of(request.extensions()))
            .map_err(status::rejected)?;
        self.confirm(true).await?;
        let GetFeedRequest { cursor, limit } = request.into_inner();
        let limit = match u64::from(limit) {
            0 => PAGE,
            asked => asked.min(PAGE),
        };
        let issue = self.issue().await?;
        let size = issue.publication.log.size.get();
        if cursor > size {
            return Err(status::invalid("the cursor lies beyond this node's log"));
        }
        let next = cursor.saturating_add(limit).min(size);
        let leaves = usize::try_from(next.saturating_sub(cursor)).unwrap_or(0);
        let from = LeafIndex::new(cursor);
        let changes = self
            .core
            .read_for_caller(move |_, view| view.changes(from, leaves))
            .await?;
        let publication = &issue.publication;
        let logged = export::logged(&changes, &publication.roster);
        let page = Page::of(publication, &logged, from, LeafIndex::new(next));
        let page = page.to_json().map_err(|error| {
            tracing::error!(%error, "a page of the feed could not be written");
            Status::internal("the page could not be written")
        })?;
        Ok(Response::new(FeedPage {
            page: page.into(),
            cursor: next,
            tree_size: size,
        }))
    }
}
