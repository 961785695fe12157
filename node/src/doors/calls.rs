//! The calls of a port: how many are under way, how long each may take, and that it holds its
//! place until the last byte of its answer was taken.
//!
//! A call whose body does not come is answered after [`HEAD`]; one whose answer is not taken within
//! [`WHOLE`] costs its connection. Streams that are meant to stay open have to begin in that time,
//! too. Each kind of call has places of its own, so that none can take another's: a thousand streams
//! that nobody reads leave room for a question, and no stranger is in an administrator's way.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body::{Frame, SizeHint};
use telemetry::RejectReason;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;

use super::connections::{Call, Connection};
use crate::grpc;

/// From a call's headers to its answer's: longer than the longest wait for a receipt, with the
/// time that its body takes over a bad line.
const HEAD: Duration = Duration::from_secs(20);

/// From a call's headers to the last byte of its answer.
const WHOLE: Duration = Duration::from_mins(1);

/// The same for what administrators ask for: a change of members waits for a majority, and for the
/// change before it.
const ORDER: Duration = Duration::from_secs(45);

/// An answer is handed over in pieces of this size, so that it is seen when it is not taken.
const PIECE: usize = 32 * 1024;

/// Calls with a note that may be under way, those whose note is still arriving included: more
/// than places in all lanes.
const NOTES: usize = 4_096;

/// Streams: more than places for watchers.
const STREAMS: usize = 512;

/// Orders, joining nodes and manifests.
const ORDERS: usize = 64;

/// Starts and recoveries of a cluster, one of which takes effect.
const STARTS: usize = 8;

/// All other calls: more than places for reads.
const OTHERS: usize = 1_024;

/// The calls of a port.
#[derive(Debug, Clone)]
pub(crate) struct Calls {
    notes: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    orders: Arc<Semaphore>,
    starts: Arc<Semaphore>,
    others: Arc<Semaphore>,
}

/// What a call is, by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Note,
    /// It stays open for as long as both sides want.
    Stream,
    /// An administrator's.
    Order,
    /// It takes as long as it takes, once in the life of a cluster.
    Start,
    Other,
}

impl Kind {
    fn of(path: &str) -> Self {
        match path {
            "/tally.v1.Submissions/Submit" | "/v1/submissions" => Self::Note,
            "/tally.v1.Election/Recover" | "/tally.v1.Election/Init" => Self::Start,
            "/tally.v1.Cluster/Obey" | "/tally.v1.Cluster/Join" | "/tally.v1.Cluster/Succeed" => {
                Self::Order
            }
            "/tally.v1.Results/WatchResults"
            | "/grpc.health.v1.Health/Watch"
            | "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo" => Self::Stream,
            _ => Self::Other,
        }
    }

    /// How long it may take to its answer's headers.
    fn head(self) -> Option<Duration> {
        match self {
            Self::Note | Self::Stream | Self::Other => Some(HEAD),
            Self::Order => Some(ORDER),
            Self::Start => None,
        }
    }

    /// How long it may take to the last byte of its answer.
    fn whole(self) -> Option<Duration> {
        match self {
            Self::Note | Self::Order | Self::Other => Some(WHOLE),
            Self::Stream | Self::Start => None,
        }
    }
}

impl Calls {
    pub(crate) fn new() -> Self {
        Self {
            notes: Arc::new(Semaphore::new(NOTES)),
            streams: Arc::new(Semaphore::new(STREAMS)),
            orders: Arc::new(Semaphore::new(ORDERS)),
            starts: Arc::new(Semaphore::new(STARTS)),
            others: Arc::new(Semaphore::new(OTHERS)),
        }
    }

    fn place(&self, kind: Kind) -> Option<OwnedSemaphorePermit> {
        let places = match kind {
            Kind::Note => &self.notes,
            Kind::Stream => &self.streams,
            Kind::Order => &self.orders,
            Kind::Start => &self.starts,
            Kind::Other => &self.others,
        };
        Arc::clone(places).try_acquire_owned().ok()
    }
}

/// Counts a call, for as long as it takes.
pub(crate) async fn count(State(calls): State<Calls>, request: Request, next: Next) -> Response {
    let kind = Kind::of(request.uri().path());
    let speaks_grpc = speaks_grpc(&request);
    let Some(place) = calls.place(kind) else {
        let status = grpc::status::rejected(RejectReason::InFlight);
        let sentence = "as many calls as allowed are in progress; ask again in a moment\n";
        return said(speaks_grpc, status, StatusCode::TOO_MANY_REQUESTS, sentence);
    };
    let connection = request.extensions().get::<Arc<Connection>>().cloned();
    let deadline = kind
        .whole()
        .and_then(|whole| Instant::now().checked_add(whole));
    let call = connection.map(|connection| connection.call(deadline));
    let answer = next.run(request);
    let answer = match kind.head() {
        None => answer.await,
        Some(head) => {
            let Ok(answer) = tokio::time::timeout(head, answer).await else {
                let status = Status::deadline_exceeded("the call did not arrive in time");
                let sentence = "the request did not arrive in time\n";
                return said(speaks_grpc, status, StatusCode::REQUEST_TIMEOUT, sentence);
            };
            answer
        }
    };
    answer.map(|body| {
        Body::new(Held {
            body,
            rest: Bytes::new(),
            _call: call,
            _place: place,
        })
    })
}

fn speaks_grpc(request: &Request) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    content_type.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

fn said(speaks_grpc: bool, status: Status, code: StatusCode, sentence: &'static str) -> Response {
    if speaks_grpc {
        let (parts, ()) = status.into_http::<()>().into_parts();
        return Response::from_parts(parts, Body::empty());
    }
    (code, [(header::RETRY_AFTER, "1")], sentence).into_response()
}

/// An answer's body, which holds its call's place until it is over.
struct Held {
    body: Body,
    /// What was made already and not handed over yet.
    rest: Bytes,
    _call: Option<Call>,
    _place: OwnedSemaphorePermit,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
            let data = match frame.map(|frame| frame.map(Frame::into_data)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(Err(other))) => return Poll::Ready(Some(Ok(other))),
                Some(Ok(Ok(data))) => data,
            };
            self.rest = data;
        }
        let piece = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(piece);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = u64::try_from(self.rest.len()).unwrap_or(u64::MAX);
        let body = self.body.size_hint();
        let mut hint = SizeHint::new();
        if let Some(upper) = body.upper().and_then(|upper| upper.checked_add(rest)) {
            hint.set_upper(upper);
        }
        hint.set_lower(body.lower().saturating_add(rest));
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(body: Body, calls: &Calls) -> Body {
        Body::new(Held {
            body,
            rest: Bytes::new(),
            _call: None,
            _place: calls.place(Kind::Other).unwrap(),
        })
    }

    #[tokio::test]
    async fn an_answer_comes_in_pieces_and_holds_its_place_until_the_last() {
        let calls = Calls::new();
        let whole: Vec<u8> = (0..100_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let mut body = held(Body::from(whole.clone()), &calls);
        assert_eq!(body.size_hint().exact(), Some(100_000));
        let mut got = Vec::new();
        while let Some(frame) =
            std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await
        {
            let data = frame.unwrap().into_data().unwrap();
            assert!(data.len() <= PIECE);
            got.extend_from_slice(&data);
            let left = u64::try_from(whole.len() - got.len()).unwrap();
            assert_eq!(body.size_hint().exact(), Some(left));
            assert_eq!(calls.others.available_permits(), OTHERS - 1);
        }
        assert_eq!(got, whole);
        drop(body);
        assert_eq!(calls.others.available_permits(), OTHERS);
    }

    #[test]
    fn no_kind_of_call_takes_a_place_of_another() {
        let kinds = [
            (Kind::Note, NOTES),
            (Kind::Stream, STREAMS),
            (Kind::Order, ORDERS),
            (Kind::Start, STARTS),
            (Kind::Other, OTHERS),
        ];
        for (full, places) in kinds {
            let calls = Calls::new();
            let held: Vec<_> = std::iter::from_fn(|| calls.place(full)).collect();
            assert_eq!(held.len(), places, "{full:?}");
            for (kind, _) in kinds {
                assert_eq!(calls.place(kind).is_some(), kind != full, "{kind:?}");
            }
        }
    }
}
