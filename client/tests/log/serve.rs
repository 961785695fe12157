//! A web server that gives the files of a folder and knows nothing of logs.

use std::path::PathBuf;

use axum::Router;
use axum::http::{StatusCode, Uri};
use client::log::source::{Source, Web};

/// Serves a folder on loopback until it is dropped.
pub(crate) struct Served {
    pub(crate) url: String,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) async fn serve(folder: impl Into<PathBuf>) -> Served {
    let folder: PathBuf = folder.into();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let file = move |uri: Uri| {
        let file = folder.join(uri.path().trim_start_matches('/'));
        async move { std::fs::read(file).map_err(|_| StatusCode::NOT_FOUND) }
    };
    let task = tokio::spawn(async move {
        axum::serve(listener, Router::new().fallback(file))
            .await
            .unwrap();
    });
    Served { url, task }
}

impl Served {
    pub(crate) fn web(&self) -> Web {
        Web::open(&self.url, None).unwrap()
    }

    pub(crate) fn source(&self) -> Source {
        Source::Web(self.web())
    }
}
