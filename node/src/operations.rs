//! The listener for whoever runs the node: plain HTTP with metrics and health, on loopback by
//! default. Nothing here changes anything.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::core::Core;
use crate::{readiness, watchman};

/// The content type of the Prometheus text format.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The routes.
pub(crate) fn router(core: Arc<Core>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/version", get(version))
        .with_state(core)
}

/// The part of it that the public port answers, too: that the process lives.
pub(crate) fn public() -> Router {
    Router::new().route("/livez", get(async || "ok\n"))
}

async fn metrics(State(core): State<Arc<Core>>) -> Response {
    watchman::measure(&core).await;
    match core.metrics.encode() {
        Ok(text) => ([(header::CONTENT_TYPE, PROMETHEUS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// The process answers and can read its own disk.
async fn livez(State(core): State<Arc<Core>>) -> Response {
    match core.read(|_, view| view.tree_size()).await {
        Ok(_size) => "ok\n".into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}

/// `?verbose` lists every check.
async fn readyz(
    State(core): State<Arc<Core>>,
    Query(options): Query<BTreeMap<String, String>>,
) -> Response {
    let checks = readiness::checks(&core).await;
    let ready = readiness::passed(&checks);
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let text = match (options.contains_key("verbose"), ready) {
        (true, _) | (false, false) => readiness::report(&checks),
        (false, true) => "ok\n".to_owned(),
    };
    (status, text).into_response()
}

async fn version() -> Response {
    let version = serde_json::json!({ "name": "tally-node", "version": env!("CARGO_PKG_VERSION") });
    axum::Json(version).into_response()
}
