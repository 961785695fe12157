//! The public log over HTTP, on the port of the API: for monitors, mirrors, browsers and programs
//! that speak no gRPC. Nothing is answered here that gRPC does not answer too; the formats are
//! those of c2sp.org/tlog-tiles, tlog-proof and tlog-witness.
//!
//! | path | what |
//! | --- | --- |
//! | `GET /checkpoint`, `/tile/...` | the log in tiles, as far as it is published and applied here |
//! | `GET /v1/consistency?from=&to=` | that one published tree begins with another |
//! | `GET /v1/manifests`, `/v1/manifests/{version}`, `/v1/files/{sha256}` | what to verify with |
//! | `GET /v1/receipts/{leaf hash or code}` | a leaf's receipt |
//! | `GET /v1/units/{unit}/head` | what stands for a unit |
//! | `POST /v1/submissions` | a signed note is handed in |

mod answer;
mod election;
mod log;
mod problem;
mod receipts;
mod submit;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tonic::Status;

use self::problem::Problem;
use crate::admission::sources::Source;
use crate::core::Core;
use crate::grpc;

/// The routes.
pub(crate) fn router(core: &Arc<Core>) -> Router {
    let reads = Router::new()
        .route("/checkpoint", get(log::checkpoint))
        .route("/tile/{*path}", get(log::tile))
        .route("/v1/consistency", get(log::consistency))
        .route("/v1/manifests", get(election::manifests))
        .route("/v1/manifests/{version}", get(election::manifest))
        .route("/v1/files/{hash}", get(election::file))
        .route("/v1/receipts/{handle}", get(receipts::receipt))
        .route("/v1/units/{unit}/head", get(receipts::head))
        .layer(from_fn_with_state(Arc::clone(core), admit));
    Router::new()
        .route("/v1/submissions", post(submit::submit))
        .layer(DefaultBodyLimit::max(grpc::MAX_REQUEST))
        .merge(reads)
        .with_state(Arc::clone(core))
}

/// A read takes a place, as every read does; and a page of any origin may show what it answers,
/// for all of it is public and none of it depends on who asks.
async fn admit(State(core): State<Arc<Core>>, request: Request, next: Next) -> Response {
    let mut response = match core.admission.read(Source::of(request.extensions())) {
        Ok(_place) => next.run(request).await,
        Err(reason) => Problem::from(reason).into_response(),
    };
    let anyone = HeaderValue::from_static("*");
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, anyone);
    response
}

/// No service and no page has this path. Callers of gRPC are told so in their own words.
pub(crate) async fn unknown(request: Request) -> Response {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    if content_type.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc")) {
        let (parts, ()) = Status::unimplemented("this node has no such service")
            .into_http::<()>()
            .into_parts();
        return Response::from_parts(parts, Body::empty());
    }
    let path = request.uri().path();
    Problem::not_found(format!(
        "there is nothing at `{path}`; the log begins at /checkpoint"
    ))
    .into_response()
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    async fn asked(content_type: Option<&str>) -> Response {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = "/tiles/0/000".parse().unwrap();
        if let Some(content_type) = content_type {
            let value = content_type.parse().unwrap();
            request.headers_mut().insert(header::CONTENT_TYPE, value);
        }
        unknown(request).await
    }

    #[tokio::test]
    async fn an_unknown_path_is_said_in_the_callers_own_words() {
        let answer = asked(None).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        let body = axum::body::to_bytes(answer.into_body(), 1_000).await;
        let sentence = String::from_utf8(body.unwrap().to_vec()).unwrap();
        assert!(sentence.contains("`/tiles/0/000`"), "{sentence}");

        let answer = asked(Some("application/grpc+proto")).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers().get("grpc-status").unwrap(), "12");
    }
}
