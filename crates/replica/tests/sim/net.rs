//! A simulated network: the messages of `tally.raft.v1`, length-prefixed, over turmoil's TCP.
//!
//! ```text
//! connection = kind (1), from (8, big-endian), requests …      half-closed after the last
//! message    = length (4, big-endian), protobuf
//! ```
//! Each call has a connection of its own. turmoil loses bytes of a cut connection for good, so
//! whoever waits needs a deadline, as in the real network.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use turmoil::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use turmoil::net::{TcpListener, TcpStream};

use ledger::Command;
use proto::raft;
use replica::seams::{AppendResponses, Lane, Lost, Peer, SnapshotFrames, State, Transport};
use replica::{Error, Inbound, PeerNode, Refused, Replica, codec};

const PORT: u16 = 7000;

const APPEND: u8 = 1;
const VOTE: u8 = 2;
const PRE_VOTE: u8 = 3;
const SNAPSHOT: u8 = 4;
const TRANSFER: u8 = 5;
const PROPOSE: u8 = 6;
const FETCH: u8 = 7;

/// The name of node `ordinal`'s host.
pub fn host(ordinal: u64) -> String {
    format!("n{ordinal}")
}

/// The way from one node to the others.
#[derive(Debug)]
pub struct SimTransport {
    pub from: u64,
}

impl Transport for SimTransport {
    type Peer = SimPeer;

    fn peer(&self, ordinal: u64, _node: &PeerNode, _lane: Lane) -> SimPeer {
        SimPeer {
            from: self.from,
            to: ordinal,
        }
    }
}

/// The way to one node.
#[derive(Debug)]
pub struct SimPeer {
    from: u64,
    to: u64,
}

async fn open(from: u64, to: u64, kind: u8) -> Result<TcpStream, Lost> {
    let opening = async {
        let mut stream = TcpStream::connect((host(to), PORT)).await?;
        stream.write_u8(kind).await?;
        stream.write_u64(from).await?;
        Ok::<_, io::Error>(stream)
    };
    opening
        .await
        .map_err(|error| Lost::Unreachable(error.to_string()))
}

async fn write(to: &mut OwnedWriteHalf, message: &impl Message) -> io::Result<()> {
    let bytes = message.encode_to_vec();
    to.write_u32(bytes.len() as u32).await?;
    to.write_all(&bytes).await
}

async fn read<M: Message + Default>(from: &mut OwnedReadHalf) -> io::Result<Option<M>> {
    let length = match from.read_u32().await {
        Ok(length) => length,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = vec![0; length as usize];
    from.read_exact(&mut bytes).await?;
    M::decode(&*bytes).map(Some).map_err(io::Error::other)
}

/// The one request of a connection.
async fn only<M: Message + Default>(from: &mut OwnedReadHalf) -> io::Result<M> {
    Ok(read(from).await?.ok_or(io::ErrorKind::UnexpectedEof)?)
}

fn messages<M: Message + Default + 'static>(
    from: OwnedReadHalf,
) -> impl Stream<Item = io::Result<M>> + Send {
    stream::unfold(Some(from), |from| async move {
        let mut from = from?;
        match read(&mut from).await {
            Ok(Some(message)) => Some((Ok(message), Some(from))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    })
}

/// Sends `requests` and, at the same time, yields the answers.
fn exchange<Q, A>(
    stream: TcpStream,
    requests: BoxStream<'static, Q>,
) -> impl Stream<Item = io::Result<A>> + Send
where
    Q: Message + 'static,
    A: Message + Default + 'static,
{
    let (from, mut to) = stream.into_split();
    let sending = async move {
        let mut requests = requests;
        while let Some(request) = requests.next().await {
            if write(&mut to, &request).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
        // Kept open for the answers: dropping a half resets nothing but ends it for good.
        futures::future::pending::<()>().await;
    };
    // Ends with the answers, whatever becomes of the requests.
    let answers = messages(from).map(Some).chain(stream::iter([None]));
    let sending = stream::once(sending).filter_map(|()| futures::future::ready(None));
    stream::select(answers, sending)
        .take_while(|answer| futures::future::ready(answer.is_some()))
        .filter_map(futures::future::ready)
}

impl SimPeer {
    async fn ask<Q, A>(&self, kind: u8, request: Q) -> Result<A, Lost>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let requests = stream::iter([request]).boxed();
        self.send(kind, requests).await
    }

    async fn send<Q, A>(&self, kind: u8, requests: BoxStream<'static, Q>) -> Result<A, Lost>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let stream = open(self.from, self.to, kind).await?;
        let mut answers = Box::pin(exchange(stream, requests));
        match answers.next().await {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(error)) => Err(Lost::Broken(error.to_string())),
            None => Err(Lost::Broken("no answer".to_owned())),
        }
    }
}

impl Peer for SimPeer {
    async fn append(
        &self,
        requests: BoxStream<'static, raft::AppendRequest>,
    ) -> Result<AppendResponses, Lost> {
        let stream = open(self.from, self.to, APPEND).await?;
        let answers = exchange(stream, requests);
        Ok(answers
            .map(|answer| answer.map_err(|error| Lost::Broken(error.to_string())))
            .boxed())
    }

    async fn vote(&self, request: raft::VoteRequest) -> Result<raft::VoteResponse, Lost> {
        self.ask(VOTE, request).await
    }

    async fn pre_vote(&self, request: raft::VoteRequest) -> Result<raft::VoteResponse, Lost> {
        self.ask(PRE_VOTE, request).await
    }

    async fn snapshot(
        &self,
        frames: BoxStream<'static, raft::SnapshotFrame>,
    ) -> Result<raft::SnapshotResponse, Lost> {
        self.send(SNAPSHOT, frames).await
    }

    async fn transfer_leader(
        &self,
        request: raft::TransferLeaderRequest,
    ) -> Result<raft::TransferLeaderResponse, Lost> {
        self.ask(TRANSFER, request).await
    }

    async fn fetch_snapshot(
        &self,
        request: raft::FetchSnapshotRequest,
    ) -> Result<SnapshotFrames, Lost> {
        let stream = open(self.from, self.to, FETCH).await?;
        let frames = exchange(stream, stream::iter([request]).boxed());
        Ok(frames
            .map(|frame| frame.map_err(|error| Lost::Broken(error.to_string())))
            .boxed())
    }
}

/// Listens to the other nodes and to clients until the host goes.
pub async fn serve<S: State>(replica: Replica<S>) -> io::Result<()> {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let replica = replica.clone();
        tokio::spawn(async move {
            // A connection that breaks is its caller's to notice.
            let _ = answer(replica, stream).await;
        });
    }
}

fn refused(refused: Refused) -> io::Error {
    io::Error::other(refused)
}

/// Writes an answer, or nothing where it is a refusal.
async fn write_one(
    to: &mut OwnedWriteHalf,
    answer: Result<impl Message, Refused>,
) -> io::Result<()> {
    write(to, &answer.map_err(refused)?).await
}

/// Writes answers as they come, up to the first refusal.
async fn write_each<M: Message>(
    to: &mut OwnedWriteHalf,
    mut answers: BoxStream<'static, Result<M, Refused>>,
) -> io::Result<()> {
    while let Some(answer) = answers.next().await {
        write(to, &answer.map_err(refused)?).await?;
    }
    Ok(())
}

async fn answer<S: State>(replica: Replica<S>, mut stream: TcpStream) -> io::Result<()> {
    let kind = stream.read_u8().await?;
    let from = stream.read_u64().await?;
    let inbound = replica.inbound();
    let (mut requests, mut to) = stream.into_split();
    match kind {
        APPEND => write_each(&mut to, inbound.append(from, messages(requests))).await?,
        SNAPSHOT => {
            let frames = Box::pin(messages(requests));
            write_one(&mut to, inbound.snapshot(from, frames).await).await?;
        }
        FETCH => {
            let request = only(&mut requests).await?;
            let frames = inbound.fetch_snapshot(from, request).await;
            write_each(&mut to, frames.map_err(refused)?).await?;
        }
        PROPOSE => {
            let request: raft::ForwardRequest = only(&mut requests).await?;
            let command = codec::decode(request.command).map_err(io::Error::other)?;
            write(&mut to, &proposed(&replica, command).await?).await?;
        }
        _ => answer_question(inbound, kind, from, &mut requests, &mut to).await?,
    }
    to.shutdown().await
}

/// What has one request and one answer.
async fn answer_question<S: State>(
    inbound: Inbound<S>,
    kind: u8,
    from: u64,
    requests: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
) -> io::Result<()> {
    match kind {
        VOTE => write_one(to, inbound.vote(from, only(requests).await?).await).await,
        PRE_VOTE => write_one(to, inbound.pre_vote(from, only(requests).await?).await).await,
        TRANSFER => {
            let request = only(requests).await?;
            write_one(to, inbound.transfer_leader(from, request).await).await
        }
        _ => Err(io::Error::other("an unknown kind of call")),
    }
}

async fn proposed<S: State>(
    replica: &Replica<S>,
    command: Command,
) -> io::Result<raft::ForwardResponse> {
    use raft::forward_response::Result as Wire;
    let result = match replica.propose(command).await {
        Ok(outcome) => {
            let leaf = outcome.leaf().ok_or_else(|| io::Error::other("refused"))?;
            Wire::Outcome(Bytes::copy_from_slice(&leaf.index.get().to_be_bytes()))
        }
        Err(Error::NotLeader { hint }) => Wire::NotLeader(hint.unwrap_or_default()),
        Err(error) => return Err(io::Error::other(error)),
    };
    Ok(raft::ForwardResponse {
        result: Some(result),
    })
}

/// What a client hears of its command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is this leaf.
    Leaf(u64),
    /// Ask that node, or any if none is named.
    Elsewhere(Option<u64>),
    /// Nothing in time: unknown.
    Unknown,
}

/// Proposes a command to node `to` and waits for an answer at most `patience`.
pub async fn propose(to: u64, command: Bytes, patience: std::time::Duration) -> Answer {
    use raft::forward_response::Result as Wire;
    let peer = SimPeer { from: 0, to };
    let asking = peer.ask(PROPOSE, raft::ForwardRequest { command });
    let answer: Result<raft::ForwardResponse, Lost> =
        match tokio::time::timeout(patience, asking).await {
            Ok(answer) => answer,
            Err(_) => return Answer::Unknown,
        };
    match answer.ok().and_then(|answer| answer.result) {
        Some(Wire::Outcome(bytes)) => {
            let index = bytes.first_chunk().copied().map(u64::from_be_bytes);
            index.map_or(Answer::Unknown, Answer::Leaf)
        }
        Some(Wire::NotLeader(0)) => Answer::Elsewhere(None),
        Some(Wire::NotLeader(leader)) => Answer::Elsewhere(Some(leader)),
        None => Answer::Unknown,
    }
}

/// Never dropped by accident: keeps a replica's handle where a test can look at it.
pub type Handle<S> = Arc<std::sync::Mutex<Option<Replica<S>>>>;
