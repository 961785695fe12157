//! Files of results against the leaves: every format that a node offers, read back here and compared cell
//! by cell with what the log alone gives.

use anyhow::{Context, ensure};
use export::{Day, Edition, Format, Issuer, Moment, Publication};
use ledger::{Tables, View};
use proto::v1;
use proto::v1::exports_client::ExportsClient;
use serde_json::Value;

use crate::cluster::Cluster;

/// Fetches a file from the first node.
pub async fn fetch(cluster: &Cluster, format: Format) -> anyhow::Result<Vec<u8>> {
    let request = v1::GetExportRequest {
        format: format.as_str().to_owned(),
        local: false,
    };
    let ask = |channel| {
        let request = request.clone();
        async move { ExportsClient::new(channel).get_export(request).await }
    };
    let mut stream = cluster.connections.any(ask).await?;
    let (mut head, mut file) = (None, Vec::new());
    while let Some(chunk) = stream.message().await? {
        head = head.or(chunk.head);
        file.extend_from_slice(&chunk.data);
    }
    let head = head.context("a node sent no file")?;
    ensure!(
        merkle::sha256(&file).as_bytes().as_slice() == head.sha256.as_ref(),
        "a file is not what its hash says"
    );
    Ok(file)
}

/// The formats whose files say exactly what these tables do; an error names the first cell that does
/// not.
pub async fn check<T: Tables>(cluster: &Cluster, tables: &T) -> anyhow::Result<Vec<&'static str>> {
    let json: Value = serde_json::from_slice(&fetch(cluster, Format::Json).await?)?;
    // Who publishes and when stands in no leaf: it is taken from the file.
    let word = |name: &str| {
        json.get(name)
            .and_then(Value::as_str)
            .with_context(|| format!("the file has no `{name}`"))
    };
    let mut checked = Vec::new();
    for format in Format::ALL {
        let file = fetch(cluster, format).await?;
        let edition = Edition {
            issuer: Issuer {
                name: word("issuer")?.to_owned(),
                // Nothing about the publisher is configured here, so the election's own words stand.
                abbreviation: word("election")?.to_owned(),
                state: word("title")?.to_owned(),
            },
            day: Day::parse(word("day")?).context("a day")?,
            generated: Moment::parse(word("generated")?).context("a moment")?,
            build: word("build")?.to_owned(),
        };
        let publication = Publication::of(&View::new(tables), edition)?;
        let publication = publication.context("the log holds no manifest")?;
        export::reimport(format, &publication, &file)?;
        checked.push(format.as_str());
    }
    Ok(checked)
}
