"""Receipts, given to programs of three other authors, and the public log, read by one of them: each must
accept the good ones and refuse them changed.

Called by ops/dev/interop.sh with a folder of receipts, the receipt policy of each manifest version that they
were given under, and where the log is: `nodes.txt` with a URL a line, and `authority.pem` for them. Prints one line a program and one a node, and fails if any
program judges a receipt or a file of the log otherwise than it should.
"""

import base64
import os
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

from aics_tlog import checkpoint as aics_checkpoint
from aics_tlog import note as aics_note
from aics_tlog import tiles as aics_tiles
from aics_tlog import tree as aics_tree
from aics_tlog.remote import HttpTileReader
from aics_tlog.verified import audit_tiles
from proofbundle import tlogproof
from sigstore._internal import merkle as sigstore_merkle
from sigstore._internal.rekor import checkpoint as sigstore_checkpoint


class Receipt:
    """A receipt file taken apart at its lines, with nothing checked."""

    def __init__(self, text):
        head, self.checkpoint = text.split("\n\n", 1)
        _, extra, index, *hashes = head.split("\n")
        self.entry = base64.b64decode(extra.removeprefix("extra "))
        self.index = int(index.removeprefix("index "))
        self.path = [base64.b64decode(line) for line in hashes]

    def text(self):
        head = ["c2sp.org/tlog-proof@v1", "extra " + base64.b64encode(self.entry).decode(), f"index {self.index}"]
        return "\n".join(head + [base64.b64encode(one).decode() for one in self.path]) + "\n\n" + self.checkpoint


class Policy:
    """The log keys, the nodes' cosigner keys, and how many of those must have signed."""

    def __init__(self, text):
        lines = [line.split() for line in text.splitlines()]
        self.logs = [line[1] for line in lines if line[0] == "log"]
        self.witnesses = [line[2] for line in lines if line[0] == "witness"]
        self.needed = next(int(line[2]) for line in lines if line[0] == "group")
        self.origin = self.logs[0].split("+")[0]


def log_key(receipt, policy):
    """The key of the node that signed for the log: the first line's, by its key id."""
    line = receipt.checkpoint.split("\n\n", 1)[1].split("\n")[0]
    key_id = base64.b64decode(line.split(" ")[2])[:4].hex()
    return next((key for key in policy.logs if key.split("+")[1] == key_id), policy.logs[0])


def ask_aics(receipt, policy):
    note = aics_note.parse_note(receipt.checkpoint)
    keys = [aics_note.parse_vkey(key) for key in policy.witnesses]
    result = aics_checkpoint.verify_checkpoint(
        note, aics_note.parse_vkey(log_key(receipt, policy)), keys, policy.needed, expected_origin=policy.origin)
    if not result.ok:
        return False
    return aics_tree.verify_leaf_inclusion(receipt.entry, receipt.index, result.size, receipt.path, result.root)


def ask_proofbundle(receipt, policy):
    result = tlogproof.verify_tlog_proof(
        receipt.text(), receipt.entry, log_key(receipt, policy), policy.witnesses,
        threshold=policy.needed, expected_origin=policy.origin)
    return result["ok"]


def ask_sigstore(receipt, policy):
    """Its note and checkpoint parsers and its inclusion check; it has no policies and reads no vkeys."""
    sigstore_checkpoint.SignedNote.from_text(receipt.checkpoint)
    signed = sigstore_checkpoint.LogCheckpoint.from_text(receipt.checkpoint.split("\n\n", 1)[0])
    proof = SimpleNamespace(log_index=receipt.index, tree_size=signed.log_size, hashes=receipt.path,
                            root_hash=bytes.fromhex(signed.log_hash))
    entry = SimpleNamespace(_inner=SimpleNamespace(inclusion_proof=proof, canonicalized_body=receipt.entry))
    sigstore_merkle.verify_merkle_inclusion(entry)
    return signed.origin == policy.origin


def changed_vote(receipt):
    # Only submissions have votes; of another leaf the last byte is changed.
    changed = receipt.entry.replace(b"\nattendees ", b"\nattendees 1", 1)
    receipt.entry = changed if changed != receipt.entry else receipt.entry[:-1] + b"!"


def index_and_one(receipt):
    receipt.index += 1


def size_and_one(receipt):
    lines = receipt.checkpoint.split("\n")
    lines[1] = str(int(lines[1]) + 1)
    receipt.checkpoint = "\n".join(lines)


def cut_path(receipt):
    receipt.path.pop()


def changed_path(receipt):
    receipt.path[0] = bytes([receipt.path[0][0] ^ 1]) + receipt.path[0][1:]


def other_origin(receipt):
    receipt.checkpoint = receipt.checkpoint.replace("tally.example/", "tally.example/x", 1)


def changed_root(receipt):
    lines = receipt.checkpoint.split("\n")
    root = base64.b64decode(lines[2])
    lines[2] = base64.b64encode(bytes([root[0] ^ 1]) + root[1:]).decode()
    receipt.checkpoint = "\n".join(lines)


def too_few_cosignatures(receipt):
    text, lines = receipt.checkpoint.split("\n\n", 1)
    receipt.checkpoint = text + "\n\n" + "".join(lines.splitlines(keepends=True)[:2])


def changed_cosignature(receipt):
    """One cosignature stays as it was, which is no majority; a receipt may hold more than it needs."""
    text, lines = receipt.checkpoint.split("\n\n", 1)
    kept = lines.splitlines()
    for at in range(2, len(kept)):
        dash, name, encoded = kept[at].split(" ")
        body = base64.b64decode(encoded)
        kept[at] = " ".join([dash, name, base64.b64encode(body[:-1] + bytes([body[-1] ^ 1])).decode()])
    receipt.checkpoint = text + "\n\n" + "\n".join(kept) + "\n"


def changed_log_signature(receipt):
    text, lines = receipt.checkpoint.split("\n\n", 1)
    kept = lines.splitlines()
    dash, name, encoded = kept[0].split(" ")
    body = base64.b64decode(encoded)
    kept[0] = " ".join([dash, name, base64.b64encode(body[:-40] + bytes([body[-40] ^ 1]) + body[-39:]).decode()])
    receipt.checkpoint = text + "\n\n" + "\n".join(kept) + "\n"


OF_THE_TREE = [changed_vote, index_and_one, size_and_one, cut_path, changed_path, other_origin, changed_root]
OF_SIGNATURES = [too_few_cosignatures, changed_cosignature, changed_log_signature]
PROGRAMS = [
    ("aics-tlog", ask_aics, OF_THE_TREE + OF_SIGNATURES),
    ("proofbundle", ask_proofbundle, OF_THE_TREE + OF_SIGNATURES),
    ("sigstore", ask_sigstore, OF_THE_TREE),
]


def accepts(ask, receipt, policy):
    """Whether the program says yes. A refusal is a no or one of its own errors; a crash is neither."""
    try:
        return bool(ask(receipt, policy))
    except Exception as error:  # each program has errors of its own, most of them ValueError
        if isinstance(error, (AttributeError, TypeError, NameError, ImportError)):
            raise
        return False


class Recorded:
    """Files of a log as a reader gives them, remembered; one of them may be given with a changed byte."""

    def __init__(self, reader):
        self.reader = reader
        self.files = {}
        self.change = None

    def read_tile(self, level, index, width):
        name = aics_tiles.tile_path(level, index, width)
        return self.give(name, lambda: self.reader.read_tile(level, index, width))

    def read_entry_bundle(self, index, width):
        name = aics_tiles.entry_bundle_path(index, width)
        return self.give(name, lambda: self.reader.read_entry_bundle(index, width))

    def give(self, name, read):
        if name not in self.files:
            self.files[name] = read()
        data = self.files[name]
        if self.change and self.change[0] == name:
            at = self.change[1]
            return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]
        return data


def holds(reader, size, root):
    """Whether every tile and every entry are those of this tree, in the judgement of aics-tlog."""
    try:
        audit_tiles(reader, size, root)
        return True
    except (ValueError, OSError):  # wrong or malformed; missing
        return False


def read_log(base, policy, receipts):
    """Reads one node's whole log: checkpoint, tiles, entries. Answers with what was accepted and refused."""
    remote = HttpTileReader(base, proxies={})
    text = remote.read_checkpoint().decode()
    keys = [aics_note.parse_vkey(key) for key in policy.witnesses]
    log = aics_note.parse_vkey(log_key(SimpleNamespace(checkpoint=text), policy))
    signed = aics_checkpoint.verify_checkpoint(
        aics_note.parse_note(text), log, keys, policy.needed, expected_origin=policy.origin)
    wrong = [] if signed.ok else [f"{base}: its checkpoint is refused"]
    reader = Recorded(remote)
    if not holds(reader, signed.size, signed.root):
        return [f"{base}: its tiles are refused"], ""
    # What the receipts' checkpoints have signed is the beginning of the same tree.
    for name, receipt in receipts.items():
        _, size, root = receipt.checkpoint.split("\n")[:3]
        found = aics_tiles.tree_root_from_tiles(reader, int(size), signed.size)
        if found != base64.b64decode(root):
            wrong.append(f"{base}: the tiles lead to another root than that of {name}")
    files = {name: data for name, data in reader.files.items() if data}
    changed = [(name, at) for name, data in files.items() for at in sorted({0, len(data) // 2, len(data) - 1})]
    for reader.change in changed:
        if holds(reader, signed.size, signed.root):
            wrong.append(f"{base}: {reader.change} is accepted")
    reader.change = None
    if holds(reader, signed.size, bytes([signed.root[0] ^ 1]) + signed.root[1:]):
        wrong.append(f"{base}: another root is accepted")
    accepted = f"{signed.size} entries in {len(files)} files, {len(receipts)} earlier roots"
    return wrong, f"{accepted}; refused {len(changed)} changed files and a changed root"


def main(folder):
    policies = {path.name.split(".")[1]: Policy(path.read_text()) for path in sorted(folder.glob("policy.*.txt"))}
    texts = {path.name: path.read_text() for path in sorted(folder.glob("*.receipt"))}
    if not texts:
        sys.exit("no receipts")
    wrong = []
    print(f"{'program':<12} {'version':<8} {'author':<28} accepted  refused")
    for name, ask, changes in PROGRAMS:
        accepted, refused = 0, {}
        for file, text in texts.items():
            assert Receipt(text).text() == text, file
            policy = policies[file.split(".")[1]]
            if accepts(ask, Receipt(text), policy):
                accepted += 1
            else:
                wrong.append(f"{name} refuses {file}")
            for change in changes:
                receipt = Receipt(text)
                if not receipt.path and change in (cut_path, changed_path):
                    continue
                change(receipt)
                if accepts(ask, receipt, policy):
                    wrong.append(f"{name} accepts {file} with {change.__name__}")
                else:
                    refused[change.__name__] = refused.get(change.__name__, 0) + 1
        about = metadata.metadata(name)
        author = (about["Author"] or about["Author-email"] or about["Maintainer"] or "not stated").split(",")[0]
        listed = ", ".join(f"{what} {count}" for what, count in refused.items())
        print(f"{name:<12} {metadata.version(name):<8} {author[:28]:<28} {accepted:>8}  {listed}")
    os.environ["SSL_CERT_FILE"] = str(folder / "authority.pem")
    nodes = (folder / "nodes.txt").read_text().split()
    if not nodes:
        sys.exit("no node has a log")
    receipts = {name: Receipt(text) for name, text in texts.items()}
    for base in nodes:
        complaints, said = read_log(base, policies[max(policies)], receipts)
        wrong += complaints
        print(f"aics-tlog reads the log of {base}: {said}")
    if wrong:
        sys.exit("\n".join(wrong))


main(Path(sys.argv[1]))
