//! Vectors of others: `transparency-dev/merkle` (98 inclusion and 98 consistency cases over the
//! reference tree of 8 leaves), Tessera's golden log of 0 to 15 entries, Sigsum's proof lists.

use merkle::{
    ConsistencyProof, EMPTY_ROOT, EntryBundle, Frontier, Hash, InclusionProof, LeafHash, LeafIndex,
    Node, Tile, TreeSize, leaf_hash,
};
use serde_json::Value;

use crate::reference::{Tree, vectors};

fn read(name: &str) -> Option<Value> {
    let bytes = std::fs::read(vectors()?.join(name)).unwrap();
    Some(serde_json::from_slice(&bytes).unwrap())
}

/// The hash in a field of base64; none where the vector has other than 32 bytes there, which the
/// types of this crate cannot even say.
fn hash(value: &Value) -> Option<Hash> {
    Hash::from_slice(&base64(value.as_str()?))
}

fn hashes(value: &Value) -> Option<Vec<Hash>> {
    value
        .as_array()
        .map_or(Some(vec![]), |list| list.iter().map(hash).collect())
}

fn base64(text: &str) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let sextets: Vec<_> = text
        .bytes()
        .filter(|byte| *byte != b'=')
        .map(|byte| alphabet.iter().position(|letter| *letter == byte).unwrap())
        .collect();
    sextets
        .chunks(4)
        .flat_map(|group| {
            let word = group.iter().fold(0, |word, sextet| word << 6 | sextet);
            let word = word << (6 * (4 - group.len()));
            let bytes = u32::try_from(word).unwrap().to_be_bytes();
            bytes[1..group.len()].to_vec()
        })
        .collect()
}

fn hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        panic!("odd hex {text}")
    };
    pairs
        .iter()
        .map(|[high, low]| digit(*high) << 4 | digit(*low))
        .collect()
}

/// Whether a case's proof is accepted.
type Verify = fn(&Value) -> bool;

fn verify_inclusion(case: &Value) -> bool {
    let (Some(leaf), Some(root), Some(hashes)) = (
        hash(&case["leafHash"]),
        hash(&case["root"]),
        hashes(&case["proof"]),
    ) else {
        return false;
    };
    let index = LeafIndex::new(case["leafIdx"].as_u64().unwrap());
    let size = TreeSize::new(case["treeSize"].as_u64().unwrap());
    InclusionProof { hashes }
        .verify(index, size, LeafHash::from_hash(leaf), &root)
        .is_ok()
}

fn verify_consistency(case: &Value) -> bool {
    let (Some(old), Some(new), Some(hashes)) = (
        hash(&case["root1"]),
        hash(&case["root2"]),
        hashes(&case["proof"]),
    ) else {
        return false;
    };
    let from = TreeSize::new(case["size1"].as_u64().unwrap());
    let to = TreeSize::new(case["size2"].as_u64().unwrap());
    ConsistencyProof { hashes }
        .verify(from, to, &old, &new)
        .is_ok()
}

#[test]
fn the_reference_trees_proofs_are_accepted_and_refused_as_there() {
    let Some(file) = read("rfc6962_merkle.json") else {
        return;
    };
    // These two are accepted there only because its hashes may have other than 32 bytes.
    let unspeakable = [
        "single-entry/empty-root-and-leaf.json",
        "additional/sizes-are-equal-one-and-proof-is-empty.json",
    ];
    let kinds: [(&str, Verify); 2] = [
        ("inclusion", verify_inclusion),
        ("consistency", verify_consistency),
    ];
    for (kind, verify) in kinds {
        let cases = file[kind].as_object().unwrap();
        assert_eq!(cases.len(), 98);
        for (name, case) in cases {
            let refused = case["wantErr"].as_bool().unwrap();
            assert_eq!(
                !verify(case),
                refused || unspeakable.contains(&name.as_str()),
                "{name}"
            );
        }
        let accepted = cases.values().filter(|case| verify(case)).count();
        assert!(accepted >= 5, "{accepted} {kind} cases accepted");
    }
}

#[test]
fn the_reference_tree_of_eight_has_these_roots_and_nodes() {
    let Some(file) = read("rfc6962_merkle.json") else {
        return;
    };
    let tree = &file["tree"];
    let texts = |name: &str| -> Vec<_> {
        let list = tree[name].as_array().unwrap();
        list.iter()
            .map(|text| text.as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(tree["empty_root_hex"], EMPTY_ROOT.to_hex());
    let mut frontier = Frontier::new();
    let mut nodes: Vec<Node> = vec![];
    for (input, root) in texts("leaf_inputs_hex")
        .iter()
        .zip(texts("root_hashes_hex_sizes_1_to_8"))
    {
        nodes.extend(frontier.push(leaf_hash(&hex(input))));
        assert_eq!(frontier.root().to_hex(), root);
    }
    nodes.sort_by_key(|node| (node.level, node.index));
    let nodes: Vec<_> = nodes.iter().map(|node| node.hash.to_hex()).collect();
    assert_eq!(nodes, texts("node_hashes_hex_level_order"));
}

/// Entry bundles are a 16-bit length and the entry, again and again; checkpoints say the root in
/// their third line; the tile of level 0 is the leaf hashes.
#[test]
fn tesseras_golden_log_has_these_tiles_and_roots() {
    let Some(file) = read("tlog_tiles_tessera_testdata.json") else {
        return;
    };
    let bytes = |name: &str| base64(file["files_b64"][name].as_str().unwrap());
    for size in 0..=15 {
        let mut leaves = vec![];
        if size > 0 {
            let bundle = bytes(&format!("tile/entries/000.p/{size}"));
            let mut rest = bundle.as_slice();
            while let Some((length, entries)) = rest.split_first_chunk() {
                let (entry, left) = entries.split_at(usize::from(u16::from_be_bytes(*length)));
                leaves.push(leaf_hash(entry));
                rest = left;
            }
            let tile = bytes(&format!("tile/0/000.p/{size}"));
            let ours: Vec<_> = leaves.iter().flat_map(|leaf| *leaf.as_bytes()).collect();
            assert_eq!(ours, tile);
        }
        assert_eq!(leaves.len(), size);
        let checkpoint = String::from_utf8(bytes(&format!("checkpoint.{size}"))).unwrap();
        let root = base64(checkpoint.lines().nth(2).unwrap());
        assert_eq!(
            Tree::of(&leaves).frontier.root().as_bytes().as_slice(),
            root
        );
    }
}

#[test]
fn sigsums_inclusion_lists_are_accepted_and_refused_as_there() {
    let Some(file) = read("sigsum_real_proof.json") else {
        return;
    };
    for (list, accepted) in [("inclusion_valid", true), ("inclusion_invalid", false)] {
        let cases = file[list].as_array().unwrap();
        assert!(!cases.is_empty());
        for case in cases {
            let proof = InclusionProof {
                hashes: hashes(&case["inclusion_path"]).unwrap(),
            };
            let verified = proof.verify(
                LeafIndex::new(case["leaf_index"].as_u64().unwrap()),
                TreeSize::new(case["tree_size"].as_u64().unwrap()),
                LeafHash::from_hash(hash(&case["leaf_hash"]).unwrap()),
                &hash(&case["root_hash"]).unwrap(),
            );
            assert_eq!(verified.is_ok(), accepted, "{list}: {case}");
        }
    }
}

/// Every tile and every bundle of Tessera's golden log, byte for byte.
#[test]
fn tiles_are_those_of_another_program() {
    let Some(golden) = read("tlog_tiles_tessera_testdata.json") else {
        return;
    };
    let files = golden["files_b64"].as_object().unwrap();
    let bytes = |path: &str| base64(files[path].as_str().unwrap());
    let whole = EntryBundle {
        index: 0,
        width: 15,
    };
    let last = bytes(&whole.path());
    let entries = whole.decode(&last).unwrap();
    assert_eq!((entries[0], entries[14]), (&b"one"[..], &b"fivten"[..]));
    let (mut tiles, mut bundles) = (0, 0);
    for path in files.keys().filter(|path| path.starts_with("tile/")) {
        if let Some(bundle) = EntryBundle::parse(path) {
            let own = entries[..usize::from(bundle.width)].iter().copied();
            assert_eq!(EntryBundle::encode(own).unwrap(), bytes(path), "{path}");
            bundles += 1;
        } else {
            let tile = Tile::parse(path).unwrap_or_else(|| panic!("{path}"));
            let hashes = tile.decode(&bytes(path)).unwrap();
            let own = entries.iter().map(|entry| *leaf_hash(entry).as_hash());
            let own: Vec<Hash> = own.take(usize::from(tile.width)).collect();
            assert_eq!(hashes, own, "{path}");
            assert_eq!(Tile::encode(&hashes), bytes(path), "{path}");
            tiles += 1;
        }
    }
    assert_eq!((tiles, bundles), (15, 15));
}
