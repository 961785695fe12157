//! What chairs and nodes say to each other in a simulation, on a port of its own: one request, one
//! answer, one connection. The messages of consensus are the real ones and go another way.

use std::io;
use std::time::Duration;

use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use turmoil::net::TcpStream;

use crate::sim::net::host;

/// The port of it.
pub const PORT: u16 = 8_000;

/// A request; one field is set.
#[derive(Clone, PartialEq, Message)]
pub struct Request {
    /// A chair's note, and how long to wait for its receipt.
    #[prost(message, optional, tag = "1")]
    pub submit: Option<Submit>,
    /// How large the tree is, as a whole majority knows it.
    #[prost(bool, tag = "2")]
    pub read: bool,
    /// A command for the leader.
    #[prost(bytes = "vec", tag = "3")]
    pub forward: Vec<u8>,
    /// The leader's index for a read elsewhere.
    #[prost(bool, tag = "4")]
    pub read_index: bool,
    /// A tree head to be cosigned.
    #[prost(message, optional, tag = "5")]
    pub cosign: Option<Head>,
    /// A published checkpoint.
    #[prost(bytes = "vec", tag = "6")]
    pub publish: Vec<u8>,
}

/// A note to be recorded.
#[derive(Clone, PartialEq, Message)]
pub struct Submit {
    /// The exact bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub note: Vec<u8>,
    /// How long to wait for the receipt, in milliseconds.
    #[prost(uint64, tag = "2")]
    pub patience_ms: u64,
}

/// A size and a root.
#[derive(Clone, PartialEq, Message)]
pub struct Head {
    /// Leaves.
    #[prost(uint64, tag = "1")]
    pub size: u64,
    /// The root over them.
    #[prost(bytes = "vec", tag = "2")]
    pub root: Vec<u8>,
}

/// An answer. Empty where there is none to give.
#[derive(Clone, PartialEq, Message)]
pub struct Response {
    /// The encoded outcome.
    #[prost(bytes = "vec", tag = "1")]
    pub outcome: Vec<u8>,
    /// The receipt of the leaf.
    #[prost(bytes = "vec", tag = "2")]
    pub receipt: Vec<u8>,
    /// The tree as it is.
    #[prost(message, optional, tag = "3")]
    pub head: Option<Head>,
    /// The leader's index.
    #[prost(uint64, optional, tag = "4")]
    pub index: Option<u64>,
    /// A cosignature.
    #[prost(string, tag = "5")]
    pub line: String,
    /// The answering node's clock.
    #[prost(uint64, tag = "6")]
    pub clock: u64,
    /// Why there is no answer.
    #[prost(string, tag = "7")]
    pub trouble: String,
}

/// Writes a message with its length before it.
pub async fn write(stream: &mut TcpStream, message: &impl Message) -> io::Result<()> {
    let bytes = message.encode_to_vec();
    stream.write_u32(bytes.len() as u32).await?;
    stream.write_all(&bytes).await
}

/// Reads one.
pub async fn read<M: Message + Default>(stream: &mut TcpStream) -> io::Result<M> {
    let length = stream.read_u32().await?;
    let mut bytes = vec![0; length as usize];
    stream.read_exact(&mut bytes).await?;
    M::decode(&*bytes).map_err(io::Error::other)
}

/// Asks node `to`, and waits at most `patience`. `None` where no answer came.
pub async fn ask(to: u64, request: &Request, patience: Duration) -> Result<Response, Silence> {
    let asking = async {
        let mut stream = TcpStream::connect((host(to), PORT)).await?;
        write(&mut stream, request).await?;
        read(&mut stream).await
    };
    match tokio::time::timeout(patience, asking).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(Silence::Broken),
        Err(_) => Err(Silence::Late),
    }
}

/// No answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// There was no connection, or it broke.
    Broken,
    /// It took too long.
    Late,
}
