//! One node's public port, as a stranger with a common HTTP client and the cluster's certificate sees it.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::Value;
use tests::stage::Stage;

/// What never changes under its address.
pub(crate) const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// What people can read.
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

/// One node's public port.
pub(crate) struct Door {
    client: reqwest::Client,
    base: String,
}

/// What it answered.
pub(crate) struct Said {
    pub(crate) status: StatusCode,
    headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Door {
    pub(crate) fn of(stage: &Stage, ordinal: u64) -> Door {
        let pem = std::fs::read(&stage.cluster.written.authority).unwrap();
        let authority = reqwest::Certificate::from_pem(&pem).unwrap();
        let client = reqwest::Client::builder()
            .tls_certs_only([authority])
            .https_only(true)
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        let plan = &stage.cluster.made.plan.nodes;
        let node = plan.iter().find(|node| node.ordinal == ordinal).unwrap();
        Door {
            client,
            base: format!("https://{}", node.api),
        }
    }

    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Said {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.body(body.to_vec()).send().await.unwrap();
        let headers = answer.headers().iter().map(|(name, value)| {
            let value = value.to_str().unwrap().to_owned();
            (name.as_str().to_owned(), value)
        });
        Said {
            status: answer.status(),
            headers: headers.collect(),
            body: answer.bytes().await.unwrap().to_vec(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Said {
        self.ask(Method::GET, path, &[], &[]).await
    }

    pub(crate) async fn get_json(&self, path: &str) -> Said {
        let accept = [("accept", "application/json")];
        self.ask(Method::GET, path, &accept, &[]).await
    }

    pub(crate) async fn post(&self, headers: &[(&str, &str)], note: &[u8]) -> Said {
        self.ask(Method::POST, "/v1/submissions", headers, note)
            .await
    }
}

impl Said {
    /// An answer with these two headers, and one that any page may show.
    #[track_caller]
    pub(crate) fn kept(self, kind: &str, keep: &str) -> Vec<u8> {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        assert_eq!(self.header("content-type"), kind);
        assert_eq!(self.header("cache-control"), keep);
        assert_eq!(self.header("access-control-allow-origin"), "*");
        self.body
    }

    /// Another status, with a sentence that contains these words.
    #[track_caller]
    pub(crate) fn refused(&self, status: StatusCode, words: &str) {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("cache-control"), "no-cache");
        assert!(self.text().contains(words), "{}", self.text());
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_slice(&self.body).unwrap()
    }
}
