//! Notes and checkpoints that others made: Tessera's golden log, a production proof of Sigsum, the
//! examples of C2SP's specifications, and the end-to-end examples of this project's own design.

use std::collections::BTreeMap;

use merkle::{
    ConsistencyProof, Frontier, Hash, InclusionProof, LeafHash, LeafIndex, TreeSize, leaf_hash,
};
use note::{
    Algorithm, Checkpoint, CheckpointError, NoteError, Origin, SignatureLine, SignedCheckpoint,
    SignedNote, UnixSeconds, VerifierKey, b64,
};
use serde_json::Value;

use crate::fixtures::{hex, hex32, name, shared, vectors};

fn key(text: &Value) -> VerifierKey {
    VerifierKey::parse(text.as_str().unwrap()).unwrap()
}

fn hashes(list: &Value) -> Vec<Hash> {
    let list = list.as_array().unwrap();
    list.iter()
        .map(|hash| b64::decode_hash(hash.as_str().unwrap()).unwrap())
        .collect()
}

#[test]
fn tesseras_17_checkpoints_verify() {
    let Some(file) = vectors("tlog_tiles_tessera_testdata.json") else {
        return;
    };
    let key = key(&file["vkey"]);
    let mut verified = 0;
    for (path, content) in file["files_b64"].as_object().unwrap() {
        if !path.starts_with("checkpoint") {
            continue;
        }
        let bytes = b64::decode(content.as_str().unwrap()).unwrap();
        let signed = SignedCheckpoint::parse(&bytes).unwrap();
        let checkpoint = signed.checkpoint();
        let size = path.strip_prefix("checkpoint.").unwrap_or("15");
        assert_eq!(checkpoint.size.to_string(), size);
        assert_eq!(signed.to_bytes(), bytes);
        assert!(
            key.verifies(&checkpoint.text(), signed.line_of(&key).unwrap()),
            "{path}"
        );
        verified += 1;
    }
    assert_eq!(verified, 17);
}

/// The values of `name=` lines.
fn values<'a>(proof: &'a str, name: &str) -> Vec<&'a str> {
    proof
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        .collect()
}

/// Public keys of a Sigsum policy file by their hashes; `kind` is `log` or `witness`.
fn policy_keys(policies: &Value, kind: &str) -> BTreeMap<String, [u8; 32]> {
    let mut keys = BTreeMap::new();
    for policy in policies.as_object().unwrap().values() {
        for line in policy.as_str().unwrap().lines() {
            let words: Vec<_> = line.split_whitespace().collect();
            let public = match words.as_slice() {
                ["log", public, ..] if kind == "log" => public,
                ["witness", _, public, ..] if kind == "witness" => public,
                _ => continue,
            };
            let public = hex32(public);
            keys.insert(merkle::sha256(&public).to_hex(), public);
        }
    }
    keys
}

/// Sigsum signs the same bytes as C2SP, in files of another form: here its proof is put together as
/// a checkpoint. The eight witnesses are other people's, with other people's programs.
#[test]
fn a_production_proof_of_sigsum_verifies_as_a_checkpoint_with_eight_cosignatures() {
    let Some(file) = vectors("sigsum_real_proof.json") else {
        return;
    };
    let proof = file["proof"].as_str().unwrap();
    let one = |name: &str| values(proof, name)[0];
    let logs = policy_keys(&file["policies"], "log");
    let witnesses = policy_keys(&file["policies"], "witness");

    let origin = format!("sigsum.org/v1/tree/{}", one("log"));
    let log = VerifierKey::new(name(&origin), Algorithm::Ed25519, &logs[one("log")]).unwrap();
    let checkpoint = Checkpoint {
        origin: Origin::parse(&origin).unwrap(),
        size: TreeSize::new(one("size").parse().unwrap()),
        root: Hash::from_hex(one("root_hash")).unwrap(),
    };
    let line = SignatureLine {
        name: name(&origin),
        id: log.id(),
        body: hex(one("signature")),
    };
    let mut signed = SignedCheckpoint::new(checkpoint.clone(), line);
    let mut keys = vec![];
    for cosignature in values(proof, "cosignature") {
        let words: Vec<_> = cosignature.split(' ').collect();
        let name = name(&format!("witness/{}", words[0]));
        let public = &witnesses[words[0]];
        let key = VerifierKey::new(name.clone(), Algorithm::CosignatureV1, public).unwrap();
        let time: u64 = words[1].parse().unwrap();
        let body = [time.to_be_bytes().to_vec(), hex(words[2])].concat();
        signed = signed.with_line(SignatureLine {
            name,
            id: key.id(),
            body,
        });
        keys.push(key);
    }
    let signed = SignedCheckpoint::parse(&signed.to_bytes()).unwrap();
    assert!(log.verifies(&checkpoint.text(), signed.line_of(&log).unwrap()));
    assert_eq!(keys.len(), 8);
    for key in &keys {
        let time = key.verify_cosignature(&checkpoint, signed.line_of(key).unwrap());
        assert_eq!(time, Some(UnixSeconds::new(1_770_193_051)));
    }

    // The leaf: checksum of the message, the submitter's signature, the hash of the submitter's key.
    let data = file["data_utf8"].as_str().unwrap();
    let checksum = merkle::sha256(merkle::sha256(data.as_bytes()).as_bytes());
    let (key_hash, signature) = one("leaf").split_once(' ').unwrap();
    let entry = [checksum.as_bytes().to_vec(), hex(signature), hex(key_hash)].concat();
    let hashes = values(proof, "node_hash");
    let proof_hashes: Vec<_> = hashes
        .into_iter()
        .map(|hash| Hash::from_hex(hash).unwrap())
        .collect();
    assert_eq!(proof_hashes.len(), 10);
    let index = LeafIndex::new(one("leaf_index").parse().unwrap());
    let inclusion = InclusionProof {
        hashes: proof_hashes,
    };
    let verified = inclusion.verify(index, checkpoint.size, leaf_hash(&entry), &checkpoint.root);
    assert_eq!(verified, Ok(()));
}

#[test]
fn c2sps_examples_are_read_or_refused_for_what_we_are_stricter_in() {
    let Some(file) = vectors("c2sp_spec_examples.json") else {
        return;
    };
    let example = &file["signed_note_example"];
    let key = key(&example["vkey"]);
    let note = SignedNote::parse(example["note"].as_str().unwrap().as_bytes()).unwrap();
    assert!(key.verifies(note.text(), &note.signatures()[0]));

    let text = |name: &str| file["files"][name][0].as_str().unwrap().as_bytes().to_vec();
    // A poem, with a letter beyond ASCII and a blank line within.
    let poem = SignedNote::parse(&text("signed-note.md"));
    assert!(
        matches!(poem, Err(NoteError::Malformed { line: 4, .. })),
        "{poem:?}"
    );
    for (name, lines) in [("tlog-checkpoint.md", 1), ("tlog-cosignature.md", 2)] {
        let signed = SignedCheckpoint::parse(&text(name)).unwrap();
        assert_eq!(
            signed.checkpoint().origin.as_str(),
            "example.com/behind-the-sofa"
        );
        assert_eq!(signed.checkpoint().size, TreeSize::new(20_852_163));
        assert_eq!(signed.lines().len(), lines);
        assert_eq!(signed.to_bytes(), text(name));
    }
    // Its signatures are elided.
    let proof = String::from_utf8(text("tlog-proof.md")).unwrap();
    let (_, checkpoint) = proof.split_once("\n\n").unwrap();
    let elided = SignedCheckpoint::parse(checkpoint.as_bytes());
    assert!(
        matches!(
            elided,
            Err(CheckpointError::Note(NoteError::Malformed { line: 5, .. }))
        ),
        "{elided:?}"
    );
}

/// The checkpoints of the design's own log of 13 leaves, and the proofs between them.
#[test]
fn the_designs_example_log_verifies_whole() {
    let Some(fixture) = shared("receipts/examples/fixture.json") else {
        return;
    };
    let fixture: Value = serde_json::from_slice(&fixture).unwrap();
    let read = |file: &str| {
        let bytes = shared(&format!("receipts/examples/{file}")).unwrap();
        let signed = SignedCheckpoint::parse(&bytes).unwrap();
        assert_eq!(signed.to_bytes(), bytes);
        signed
    };
    let (old, new) = (read("checkpoint.old"), read("checkpoint.new"));
    assert_eq!(
        new.checkpoint().origin.as_str(),
        fixture["origin"].as_str().unwrap()
    );
    for (signed, cosigners) in [(&old, ["n1", "n2"]), (&new, ["n2", "n3"])] {
        let checkpoint = signed.checkpoint();
        let by_log = fixture["log_vkeys"]
            .as_object()
            .unwrap()
            .values()
            .map(key)
            .find(|key| {
                signed
                    .line_of(key)
                    .is_some_and(|line| key.verifies(&checkpoint.text(), line))
            });
        assert_eq!(by_log.unwrap().name(), checkpoint.origin.key_name());
        for node in cosigners {
            let key = key(&fixture["cosigner_vkeys"][node]);
            assert_eq!(key.name(), &checkpoint.origin.cosigner(node).unwrap());
            let line = signed.line_of(&key).unwrap();
            assert!(key.verify_cosignature(checkpoint, line).is_some());
        }
        // Put together in any order, it is the same.
        let mut lines = signed.lines().iter().rev().cloned();
        let mut again = SignedCheckpoint::new(checkpoint.clone(), lines.next().unwrap());
        for line in lines {
            again = again.with_line(line);
        }
        assert_eq!(&again, signed);
    }
    let witness = key(&fixture["witness_vkey"]);
    let line = new.line_of(&witness).unwrap();
    assert!(witness.verify_cosignature(new.checkpoint(), line).is_some());

    let growth = ConsistencyProof {
        hashes: hashes(&fixture["consistency"]),
    };
    let (old, new) = (old.checkpoint(), new.checkpoint());
    assert_eq!(
        growth.verify(old.size, new.size, &old.root, &new.root),
        Ok(())
    );
}

/// The example submission has an older grammar; as a note it is one, and it stands in the tree.
#[test]
fn the_designs_example_entry_verifies_and_is_in_the_tree() {
    let Some(fixture) = shared("receipts/examples/fixture.json") else {
        return;
    };
    let fixture: Value = serde_json::from_slice(&fixture).unwrap();
    let bytes = shared("receipts/examples/submission.note").unwrap();
    let note = SignedNote::parse_within(&bytes, note::Limits::NOTE).unwrap();
    assert!(key(&fixture["chair_vkey"]).verifies(note.text(), &note.signatures()[0]));
    let leaf = b64::decode_hash(fixture["leaf_hash"].as_str().unwrap()).unwrap();
    assert_eq!(note.leaf_hash(), LeafHash::from_hash(leaf));

    let root = b64::decode_hash(fixture["root"].as_str().unwrap()).unwrap();
    let inclusion = InclusionProof {
        hashes: hashes(&fixture["inclusion"]),
    };
    let size = TreeSize::new(13);
    assert_eq!(
        inclusion.verify(LeafIndex::new(1), size, note.leaf_hash(), &root),
        Ok(())
    );
    assert!(
        inclusion
            .verify(LeafIndex::new(2), size, note.leaf_hash(), &root)
            .is_err()
    );

    let tile = shared("receipts/examples/log/tile/0/000.p/13").unwrap();
    let (leaves, []) = tile.as_chunks::<32>() else {
        panic!("a tile is whole hashes")
    };
    let mut frontier = Frontier::new();
    for leaf in leaves {
        frontier.push(LeafHash::from_bytes(*leaf));
    }
    assert_eq!((frontier.size(), frontier.root()), (size, root));
}
