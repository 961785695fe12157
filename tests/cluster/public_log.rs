//! The public log over HTTP, asked as a stranger would ask it: with the cluster's certificate and a common
//! HTTP client, and believed only as far as the hashes go.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use merkle::{
    EntryBundle, Frontier, Hash, LeafHash, TILE_WIDTH, Tile, TreeSize, leaf_hash, node_hash,
};
use note::{SignedCheckpoint, SignedNote};
use receipt::{ShortCode, UnverifiedReceipt};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tests::stage::Stage;
use witness::AddCheckpoint;

const IMMUTABLE: &str = "public, max-age=31536000, immutable";
const TEXT: &str = "text/plain; charset=utf-8";

/// One node's public port.
struct Door {
    client: reqwest::Client,
    base: String,
}

/// What it answered.
struct Said {
    status: StatusCode,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Door {
    fn of(stage: &Stage, ordinal: u64) -> Door {
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

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Said {
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

    async fn get(&self, path: &str) -> Said {
        self.ask(Method::GET, path, &[], &[]).await
    }

    async fn get_json(&self, path: &str) -> Said {
        let accept = [("accept", "application/json")];
        self.ask(Method::GET, path, &accept, &[]).await
    }

    async fn post(&self, headers: &[(&str, &str)], note: &[u8]) -> Said {
        self.ask(Method::POST, "/v1/submissions", headers, note)
            .await
    }
}

impl Said {
    /// An answer with these two headers, and one that any page may show.
    #[track_caller]
    fn kept(self, kind: &str, keep: &str) -> Vec<u8> {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        assert_eq!(self.header("content-type"), kind);
        assert_eq!(self.header("cache-control"), keep);
        assert_eq!(self.header("access-control-allow-origin"), "*");
        self.body
    }

    /// Another status, with a sentence that contains these words.
    #[track_caller]
    fn refused(&self, status: StatusCode, words: &str) {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("cache-control"), "no-cache");
        assert!(self.text().contains(words), "{}", self.text());
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json");
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// The hashes of the tile's nodes, computed from the leaves alone.
fn hashes_of(tile: &Tile, leaves: &[LeafHash]) -> Vec<Hash> {
    let node = |(level, index): (u8, u64)| {
        let width = 1_usize << level;
        let first = usize::try_from(index).unwrap() * width;
        let mut row: Vec<Hash> = leaves[first..first + width]
            .iter()
            .map(|leaf| *leaf.as_hash())
            .collect();
        while row.len() > 1 {
            row = row
                .chunks(2)
                .map(|pair| node_hash(&pair[0], &pair[1]))
                .collect();
        }
        row[0]
    };
    tile.nodes().map(node).collect()
}

fn roots_of(leaves: &[LeafHash]) -> Vec<Hash> {
    let mut frontier = Frontier::new();
    let mut roots = vec![frontier.root()];
    for leaf in leaves {
        frontier.push(*leaf);
        roots.push(frontier.root());
    }
    roots
}

/// A night of more than one full tile: every tile and bundle at every width gives exactly the tree that the
/// checkpoint signs, on every node; what is not published is not there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_reads_the_whole_log_in_tiles() {
    const REPORTS: u64 = 259;
    let stage = Stage::open(REPORTS).await.unwrap();
    stream::iter(0..usize::try_from(REPORTS).unwrap())
        .map(|n| stage.report(n))
        .buffer_unordered(32)
        .try_collect::<Vec<_>>()
        .await
        .unwrap();
    let size = TreeSize::new(REPORTS + 1);
    stage.cluster.settled(size.get()).await.unwrap();
    let doors: Vec<Door> = stage
        .cluster
        .ordinals()
        .into_iter()
        .map(|ordinal| Door::of(&stage, ordinal))
        .collect();

    let mut leaves: Vec<LeafHash> = Vec::new();
    for bundle in EntryBundle::all_of(size) {
        let bytes = doors[0].get(&format!("/{}", bundle.path())).await;
        let bytes = bytes.kept("application/octet-stream", IMMUTABLE);
        leaves.extend(bundle.decode(&bytes).unwrap().into_iter().map(leaf_hash));
    }
    assert_eq!(u64::try_from(leaves.len()).unwrap(), size.get());
    let roots = roots_of(&leaves);

    for door in &doors {
        let checkpoint = door.get("/checkpoint").await.kept(TEXT, "no-cache");
        let signed = SignedCheckpoint::parse(&checkpoint).unwrap();
        assert_eq!(signed.checkpoint().size, size);
        assert_eq!(Some(&signed.checkpoint().root), roots.last());
        for tile in Tile::all_of(size) {
            let bytes = door.get(&format!("/{}", tile.path())).await;
            let bytes = bytes.kept("application/octet-stream", IMMUTABLE);
            assert_eq!(bytes, Tile::encode(&hashes_of(&tile, &leaves)), "{tile:?}");
        }
    }
    every_width(&doors[1], &leaves).await;
    nothing_beyond(&doors[2], size).await;
    sizes_are_consistent(&doors[0], size, &roots).await;
}

/// The first tile and the first bundle at each of their widths.
async fn every_width(door: &Door, leaves: &[LeafHash]) {
    for width in 1..=TILE_WIDTH {
        let tile = Tile {
            level: 0,
            index: 0,
            width,
        };
        let bytes = door.get(&format!("/{}", tile.path())).await;
        let bytes = bytes.kept("application/octet-stream", IMMUTABLE);
        let hashes = tile.decode(&bytes).unwrap();
        assert!(
            hashes.iter().eq(leaves
                .iter()
                .take(usize::from(width))
                .map(LeafHash::as_hash))
        );

        let bundle = EntryBundle { index: 0, width };
        let bytes = door.get(&format!("/{}", bundle.path())).await;
        let bytes = bytes.kept("application/octet-stream", IMMUTABLE);
        let entries = bundle.decode(&bytes).unwrap();
        assert!(
            entries
                .into_iter()
                .map(leaf_hash)
                .eq(leaves.iter().copied().take(usize::from(width)))
        );
    }
}

/// Tiles that the published tree does not have, and paths that name none.
async fn nothing_beyond(door: &Door, size: TreeSize) {
    let wider = size.get() % u64::from(TILE_WIDTH) + 1;
    for path in [
        format!("/tile/0/001.p/{wider}"),
        format!("/tile/entries/001.p/{wider}"),
        "/tile/0/001".to_owned(),
        "/tile/1/000.p/2".to_owned(),
        "/tile/2/000.p/1".to_owned(),
        "/tile/entries/002.p/1".to_owned(),
    ] {
        let said = door.get(&path).await;
        said.refused(StatusCode::NOT_FOUND, &format!("{size} leaves"));
        assert_eq!(said.header("access-control-allow-origin"), "*", "{path}");
    }
    for path in [
        "/tile/0/0",
        "/tile/0/000.p/256",
        "/tile/0/000.p/0",
        "/tile/0/000.p/01",
        "/tile/0/x000/000",
        "/tile/00/000",
        "/tile/7/000",
        "/tile/0/000/",
        "/tile/entries/000.p/",
        "/tile/data/000",
        "/tile/0/..%2f000",
    ] {
        let said = door.get(path).await;
        said.refused(StatusCode::NOT_FOUND, "no tile has that path");
    }
    for path in [
        "/",
        "/tile",
        "/tile/",
        "/checkpoint/",
        "/v1",
        "/v1/nothing",
        "/metrics",
    ] {
        let said = door.get(path).await;
        said.refused(StatusCode::NOT_FOUND, "there is nothing at");
    }
    let said = door.ask(Method::DELETE, "/checkpoint", &[], &[]).await;
    assert_eq!(said.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(door.get("/livez").await.status, StatusCode::OK);
}

/// From every size the newest tree is proven to begin with the older one.
async fn sizes_are_consistent(door: &Door, size: TreeSize, roots: &[Hash]) {
    for from in (0..=size.get())
        .step_by(7)
        .chain([1, 255, 256, 257, size.get()])
    {
        let said = door.get(&format!("/v1/consistency?from={from}")).await;
        let body = AddCheckpoint::parse(&said.kept(TEXT, "no-cache")).unwrap();
        assert_eq!(body.old.get(), from);
        assert_eq!(body.checkpoint.checkpoint().size, size);
        let old = roots[usize::try_from(from).unwrap()];
        let new = body.checkpoint.checkpoint().root;
        if from == 0 {
            assert_eq!(body.proof.hashes, []);
        } else {
            body.proof
                .verify(TreeSize::new(from), size, &old, &new)
                .unwrap();
            let wrong = merkle::sha256(b"another root");
            body.proof
                .verify(TreeSize::new(from), size, &wrong, &new)
                .unwrap_err();
        }
    }
    let exact = door.get(&format!("/v1/consistency?from=1&to={size}")).await;
    let exact = AddCheckpoint::parse(&exact.kept(TEXT, "no-cache")).unwrap();
    assert_eq!(exact.checkpoint.checkpoint().size, size);
    let beyond = size.get() + 1;
    for (query, status, words) in [
        ("", StatusCode::BAD_REQUEST, "say `from`".to_owned()),
        (
            "?from=",
            StatusCode::BAD_REQUEST,
            "`from` is a number".to_owned(),
        ),
        (
            "?from=01",
            StatusCode::BAD_REQUEST,
            "`from` is a number".to_owned(),
        ),
        (
            "?from=1&to=-1",
            StatusCode::BAD_REQUEST,
            "`to` is a number".to_owned(),
        ),
        (
            &format!("?from={beyond}"),
            StatusCode::BAD_REQUEST,
            format!("beyond `to`, {size}"),
        ),
        (
            &format!("?from=1&to={beyond}"),
            StatusCode::NOT_FOUND,
            "no checkpoint of that size".to_owned(),
        ),
    ] {
        let said = door.get(&format!("/v1/consistency{query}")).await;
        said.refused(status, &words);
    }
}

/// What a verifier needs beside the tiles: each manifest by its version, each file by its hash.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_fetches_what_to_verify_with() {
    let stage = Stage::open(3).await.unwrap();
    stage.report(0).await.unwrap();
    stage.cluster.settled(2).await.unwrap();
    let door = Door::of(&stage, 2);
    let made = &stage.cluster.made;

    let list = door.get("/v1/manifests").await;
    let genesis = made.genesis.to_hex();
    let expected = serde_json::json!([{ "version": 1, "leaf": 0, "hash": genesis }]);
    assert_eq!(list.json(), expected);
    list.kept("application/json", "no-cache");
    let note = door.get("/v1/manifests/1").await.kept(TEXT, "no-cache");
    assert_eq!(note, made.manifest.bytes());
    assert_eq!(
        SignedNote::parse_within(&note, note::Limits::MANIFEST)
            .unwrap()
            .text_hash(),
        made.genesis
    );
    let said = door.get("/v1/manifests/2").await;
    said.refused(StatusCode::NOT_FOUND, "version 2");
    let said = door.get("/v1/manifests/one").await;
    said.refused(StatusCode::BAD_REQUEST, "a number");

    assert!(made.bundle.files.len() >= 5);
    for (hash, bytes) in &made.bundle.files {
        let said = door.get(&format!("/v1/files/{}", hash.to_hex())).await;
        assert_eq!(&said.kept(TEXT, IMMUTABLE), bytes);
    }
    let nobody = merkle::sha256(b"no file").to_hex();
    let said = door.get(&format!("/v1/files/{nobody}")).await;
    said.refused(StatusCode::NOT_FOUND, "no manifest binds");
    let said = door.get("/v1/files/roster.txt").await;
    said.refused(StatusCode::BAD_REQUEST, "64 lower-case hex digits");
}

/// A receipt by the leaf's hash and by the code that was read aloud, as file and as JSON, and whether what it
/// is for still stands.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_is_found_by_hash_and_by_spoken_code() {
    let stage = Stage::open(3).await.unwrap();
    let held = stage.report(0).await.unwrap().receipt;
    let (unit, _) = stage.unit(0).unwrap();
    let (silent, _) = stage.unit(1).unwrap();
    let statuses = stage.cluster.settled(2).await.unwrap();
    let door = Door::of(&stage, statuses.last().unwrap().ordinal);
    let verified = |bytes: &[u8]| {
        let receipt = UnverifiedReceipt::parse(bytes).unwrap();
        let verification = receipt.verify(&stage.cluster.election);
        let receipt = verification.receipt().expect("a receipt that holds");
        assert_eq!(receipt.leaf_hash(), held.leaf_hash());
    };

    let (hash, code) = (held.leaf_hash(), held.code().to_string());
    for handle in [
        hash.to_hex(),
        code.clone(),
        code.to_lowercase(),
        code.replace('-', "%20"),
        code.replace('-', ""),
    ] {
        let said = door.get(&format!("/v1/receipts/{handle}")).await;
        assert_eq!(said.header("vary"), "accept");
        verified(&said.kept(TEXT, "no-cache"));
        let said = door.get_json(&format!("/v1/receipts/{handle}")).await;
        assert_eq!(said.json()["level"], "receipt");
        let json = said.kept("application/json", "no-cache");
        verified(&client::form::from_json(&json).unwrap().to_bytes());
    }

    let changed = if code.ends_with('0') { '1' } else { '0' };
    let misread: String = code.chars().take(code.len() - 1).chain([changed]).collect();
    let said = door.get(&format!("/v1/receipts/{misread}")).await;
    said.refused(StatusCode::BAD_REQUEST, "its check letters do not fit");
    for handle in ["7", "P-0001", &hash.to_hex().to_uppercase()] {
        let said = door.get(&format!("/v1/receipts/{handle}")).await;
        said.refused(StatusCode::BAD_REQUEST, "a leaf hash");
    }
    let nobody = leaf_hash(b"nobody sent this");
    let spoken = ShortCode::of_leaf(&nobody).to_string();
    for handle in [nobody.to_hex(), spoken] {
        let said = door.get(&format!("/v1/receipts/{handle}")).await;
        said.refused(StatusCode::NOT_FOUND, "no such leaf");
    }

    let stands = door.get(&format!("/v1/units/{unit}/head")).await;
    let expected = serde_json::json!({
        "unit": unit.as_str(), "index": held.index().get(), "leaf_hash": hash.to_hex(), "seq": 1,
    });
    assert_eq!(stands.json(), expected);
    stands.kept("application/json", "no-cache");
    let said = door.get(&format!("/v1/units/{silent}/head")).await;
    said.refused(StatusCode::NOT_FOUND, "no report stands for");
    let said = door.get("/v1/units/a%20b/head").await;
    said.refused(StatusCode::BAD_REQUEST, "cannot be the id of a unit");
}

/// The same note through HTTP as through gRPC, at any node: one leaf, however often and in whichever form.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_note_is_handed_in_over_http() {
    let stage = Stage::open(3).await.unwrap();
    let note = stage.note(0).unwrap();
    let json = [("content-type", "application/json")];
    let wrapped = serde_json::json!({ "note": std::str::from_utf8(note.bytes()).unwrap() });
    let wrapped = wrapped.to_string().into_bytes();

    let mut effects = Vec::new();
    for ordinal in stage.cluster.ordinals() {
        let door = Door::of(&stage, ordinal);
        let plain = door.post(&[], note.bytes()).await;
        let in_json = door.post(&json, &wrapped).await;
        for said in [plain, in_json] {
            assert_eq!(said.status, StatusCode::OK, "{}", said.text());
            effects.push(said.header("tally-effect").to_owned());
            let receipt = UnverifiedReceipt::parse(&said.body).unwrap();
            assert_eq!((receipt.entry(), receipt.index().get()), (note.bytes(), 1));
            let verification = receipt.verify(&stage.cluster.election);
            assert!(verification.receipt().is_some());
        }
        let accept = door
            .post(&[("accept", "application/json")], note.bytes())
            .await;
        let receipt = client::form::from_json(&accept.body).unwrap();
        assert_eq!(receipt.entry(), note.bytes());
    }
    let (first, again) = effects.split_first().unwrap();
    assert_eq!(first, "recorded");
    assert!(
        again.iter().all(|effect| effect == "already_recorded"),
        "{again:?}"
    );

    let door = Door::of(&stage, 1);
    refusals(&stage, &door, &json).await;
    let statuses = stage.cluster.settled(2).await.unwrap();
    assert_eq!(statuses[0].tree_size, 2);
}

/// What is not recorded says why, in the status and in words.
async fn refusals(stage: &Stage, door: &Door, json: &[(&str, &str)]) {
    let said = door.post(&[], b"junk").await;
    assert_eq!(said.status, StatusCode::UNPROCESSABLE_ENTITY);
    let refusal = said.json();
    assert_eq!(refusal["status"], "refused");
    assert_eq!(refusal["code"], "malformed");
    assert_eq!(refusal["head"], Value::Null);
    assert!(!refusal["advice"].as_str().unwrap().is_empty());

    let other = stage.note(1).unwrap();
    let changed = String::from_utf8(other.bytes().to_vec()).unwrap();
    let changed = changed.replacen("\ntime ", "\ntime 1", 1);
    let said = door.post(&[], changed.as_bytes()).await;
    assert_eq!(said.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(said.json()["code"], "bad_signature");

    let said = door.post(&[], &[b'x'; 9_000]).await;
    assert_eq!(said.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(said.json()["code"], "too_large");
    let said = door.post(&[], &vec![b'x'; 20_000]).await;
    assert_eq!(said.status, StatusCode::PAYLOAD_TOO_LARGE);
    let said = door.post(json, b"{\"text\":\"junk\"}").await;
    said.refused(StatusCode::BAD_REQUEST, "send the note itself");
    let said = door.get("/v1/submissions").await;
    assert_eq!(said.status, StatusCode::METHOD_NOT_ALLOWED);
}

/// While too few nodes cosign a report is recorded and has no receipt, and the answer looks like none. Nothing
/// of it is in the public log. When they cosign again the receipt is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recorded_is_not_receipted() {
    let stage = Stage::open(3).await.unwrap();
    stage.cluster.settled(1).await.unwrap();
    for ordinal in [2, 3] {
        stage.cluster.stop(ordinal).await.unwrap();
        let folder = stage.cluster.folder(ordinal).unwrap().join("data");
        std::fs::write(folder.join("cosigning.stopped"), STOPPED).unwrap();
        stage.cluster.start_node(ordinal).unwrap();
    }
    let patience = Duration::from_secs(20);
    let leader = async || stage.cluster.leader().await;
    stage
        .cluster
        .wait("a leader", patience, leader)
        .await
        .unwrap();

    let note = stage.note(0).unwrap();
    let hash = leaf_hash(note.bytes());
    let expected = serde_json::json!({
        "status": "recorded-not-receipted", "index": 1, "leaf_hash": hash.to_hex(),
    });
    let door = Door::of(&stage, 1);
    let mut said = door.post(&[], note.bytes()).await;
    // The nodes have just come back: a note that nobody could take is sent again, as every chair's is.
    while said.status == StatusCode::SERVICE_UNAVAILABLE {
        said = door.post(&[], note.bytes()).await;
    }
    assert_eq!(said.status, StatusCode::ACCEPTED, "{}", said.text());
    assert_eq!(said.json(), expected);
    let handle = format!("/v1/receipts/{}", hash.to_hex());
    let said = door.get(&handle).await;
    assert_eq!((said.status, said.json()), (StatusCode::ACCEPTED, expected));

    let checkpoint = door.get("/checkpoint").await;
    let signed = SignedCheckpoint::parse(&checkpoint.body).unwrap();
    assert_eq!(signed.checkpoint().size.get(), 1);
    let said = door.get("/tile/entries/000.p/2").await;
    said.refused(StatusCode::NOT_FOUND, "1 leaves");

    for ordinal in [2, 3] {
        stage.cluster.stop(ordinal).await.unwrap();
        let folder = stage.cluster.folder(ordinal).unwrap().join("data");
        std::fs::remove_file(folder.join("cosigning.stopped")).unwrap();
        stage.cluster.start_node(ordinal).unwrap();
    }
    stage.cluster.settled(2).await.unwrap();
    let receipt = UnverifiedReceipt::parse(&door.get(&handle).await.body).unwrap();
    let verification = receipt.verify(&stage.cluster.election);
    assert!(verification.receipt().is_some());
}

/// A node's own word that it stopped cosigning, as it stands on its disk.
const STOPPED: &str = "stopped for a test of receipts that are not there yet\ncheck ac51e6a3\n";
