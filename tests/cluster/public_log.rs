//! The public log over HTTP, asked as a stranger would ask it, and believed only as far as the hashes go.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use merkle::{
    EntryBundle, Frontier, Hash, LeafHash, TILE_WIDTH, Tile, TreeSize, leaf_hash, node_hash,
};
use note::{SignedCheckpoint, SignedNote};
use reqwest::{Method, StatusCode};
use tests::stage::Stage;
use witness::AddCheckpoint;

use crate::http_door::{Door, IMMUTABLE, TEXT};

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
        for bundle in EntryBundle::all_of(size) {
            let bytes = door.get(&format!("/{}", bundle.path())).await;
            let bytes = bytes.kept("application/octet-stream", IMMUTABLE);
            let entries = bundle.decode(&bytes).unwrap().into_iter();
            let first = usize::try_from(bundle.leaves().start).unwrap();
            assert!(
                entries.map(leaf_hash).eq(leaves
                    .iter()
                    .copied()
                    .skip(first)
                    .take(usize::from(bundle.width))),
                "{bundle:?}"
            );
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
