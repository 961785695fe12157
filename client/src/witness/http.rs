//! The paths of a witness.
//!
//! | path | answers |
//! | --- | --- |
//! | `POST /add-checkpoint` | the cosignature line, or why not |
//! | `GET /<hex SHA-256 of the origin>/checkpoint` | the newest checkpoint cosigned |
//! | `GET /metrics` | numbers for Prometheus |
//! | `GET /livez` | whether it would sign |

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use witness::{Decline, MAX_REQUEST_BYTES};

use super::keeper::{Answer, Keeper};
use super::pin::Pin;
use crate::clock::Clock;
use crate::disk::Disk;

/// How many bodies are read at once. A log sends one request at a time; the rest are told to wait.
const AT_ONCE: usize = 8;
/// How long a body may take to arrive.
const BODY: Duration = Duration::from_secs(10);
/// The media type of a 409's body, by the specification.
const SIZE: &str = "text/x.tlog.size";
const PLAIN: &str = "text/plain; charset=utf-8";

struct Service<D, P, C> {
    keeper: Mutex<Keeper<D>>,
    pin: P,
    clock: C,
    room: Semaphore,
    answered: Mutex<BTreeMap<u16, u64>>,
}

type Shared<D, P, C> = Arc<Service<D, P, C>>;

/// The paths of this witness.
pub fn router<D, P, C>(keeper: Keeper<D>, pin: P, clock: C) -> Router
where
    D: Disk + Send + 'static,
    P: Pin,
    C: Clock + Send + 'static,
{
    let service = Arc::new(Service {
        keeper: Mutex::new(keeper),
        pin,
        clock,
        room: Semaphore::new(AT_ONCE),
        answered: Mutex::default(),
    });
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint::<D, P, C>))
        .route("/{log}/checkpoint", get(checkpoint::<D, P, C>))
        .route("/metrics", get(metrics::<D, P, C>))
        .route("/livez", get(livez::<D, P, C>))
        .with_state(service)
}

/// Serves until `stop` is ready; what was begun is answered.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    axum::serve(listener, router)
        .with_graceful_shutdown(stop)
        .await
}

async fn add_checkpoint<D, P, C>(State(service): State<Shared<D, P, C>>, body: Body) -> Response
where
    D: Disk + Send + 'static,
    P: Pin,
    C: Clock + Send + 'static,
{
    let response = match service.room.try_acquire() {
        Err(_) => told(StatusCode::SERVICE_UNAVAILABLE, "busy: ask again"),
        Ok(_room) => match tokio::time::timeout(BODY, to_bytes(body, MAX_REQUEST_BYTES)).await {
            Err(_) => told(StatusCode::REQUEST_TIMEOUT, "the body took too long"),
            Ok(Err(_)) => told(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large"),
            Ok(Ok(body)) => {
                let service = Arc::clone(&service);
                // On a thread that may block: the disk is flushed before the answer.
                let judged = tokio::task::spawn_blocking(move || {
                    let now = service.clock.unix();
                    hold(&service.keeper).add_checkpoint(&service.pin, &body, now)
                });
                judged.await.map_or_else(
                    |_| told(StatusCode::INTERNAL_SERVER_ERROR, "not judged"),
                    answer,
                )
            }
        },
    };
    let mut answered = hold(&service.answered);
    let count = answered.entry(response.status().as_u16()).or_default();
    *count = count.saturating_add(1);
    drop(answered);
    response
}

fn answer(answer: Answer) -> Response {
    match answer {
        Answer::Cosigned(line) => told(StatusCode::OK, &line.to_string()),
        Answer::Malformed(error) => told(StatusCode::BAD_REQUEST, &error.to_string()),
        Answer::Stopped(why) => told(StatusCode::SERVICE_UNAVAILABLE, why),
        Answer::Declined(Decline::Conflict { seen }) => {
            typed(StatusCode::CONFLICT, SIZE, format!("{seen}\n").into_bytes())
        }
        Answer::Declined(decline) => {
            let status = StatusCode::from_u16(decline.status());
            let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            told(status, &decline.to_string())
        }
    }
}

async fn checkpoint<D, P, C>(
    State(service): State<Shared<D, P, C>>,
    Path(log): Path<String>,
) -> Response
where
    D: Disk + Send + 'static,
    P: Pin,
    C: Clock + Send + 'static,
{
    if log != merkle::sha256(service.pin.origin().as_str().as_bytes()).to_hex() {
        return told(StatusCode::NOT_FOUND, "unknown log");
    }
    let newest = hold(&service.keeper).memory().newest().cloned();
    match newest {
        Some(newest) => typed(StatusCode::OK, PLAIN, newest.to_bytes()),
        None => told(StatusCode::NOT_FOUND, "nothing was cosigned yet"),
    }
}

async fn livez<D, P, C>(State(service): State<Shared<D, P, C>>) -> Response
where
    D: Disk + Send + 'static,
    P: Pin,
    C: Clock + Send + 'static,
{
    match hold(&service.keeper).stopped() {
        None => told(StatusCode::OK, "ok"),
        Some(why) => told(StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

async fn metrics<D, P, C>(State(service): State<Shared<D, P, C>>) -> Response
where
    D: Disk + Send + 'static,
    P: Pin,
    C: Clock + Send + 'static,
{
    let (size, stopped, contradictions) = {
        let keeper = hold(&service.keeper);
        let memory = keeper.memory();
        let size = memory.last_seen().map_or(0, |last| last.size.get());
        let contradictions = memory.contradictions().map_or(0, |names| names.len());
        (size, u8::from(keeper.stopped().is_some()), contradictions)
    };
    let mut text = format!(
        "# HELP tally_outside_witness_size Leaves in the largest tree cosigned.\n\
         # TYPE tally_outside_witness_size gauge\n\
         tally_outside_witness_size {size}\n\
         # HELP tally_outside_witness_stopped 1 while a person has to look before it signs.\n\
         # TYPE tally_outside_witness_stopped gauge\n\
         tally_outside_witness_stopped {stopped}\n\
         # HELP tally_outside_witness_contradictions Files of contradictions signed by the log.\n\
         # TYPE tally_outside_witness_contradictions gauge\n\
         tally_outside_witness_contradictions {contradictions}\n\
         # HELP tally_outside_witness_requests_total Checkpoints received, by HTTP status.\n\
         # TYPE tally_outside_witness_requests_total counter\n"
    );
    for (status, count) in hold(&service.answered).iter() {
        // Writing to a string does not fail.
        let _: std::fmt::Result = writeln!(
            text,
            "tally_outside_witness_requests_total{{status=\"{status}\"}} {count}"
        );
    }
    typed(
        StatusCode::OK,
        "text/plain; version=0.0.4; charset=utf-8",
        text.into_bytes(),
    )
}

fn told(status: StatusCode, text: &str) -> Response {
    let mut line = text.trim_end_matches('\n').to_owned();
    line.push('\n');
    typed(status, PLAIN, line.into_bytes())
}

fn typed(status: StatusCode, media: &'static str, body: Vec<u8>) -> Response {
    let header: [(HeaderName, &str); 1] = [(CONTENT_TYPE, media)];
    (status, header, body).into_response()
}

/// A thread that panicked under the lock left nothing half done: memory changes last.
fn hold<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
