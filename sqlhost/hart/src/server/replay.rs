//! A query whose server is a sequence of bytes, for the fuzzers: the client reads them as it reads those of a network.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::Result;
use arrow_array::RecordBatch;
use tiberius::{AuthMethod, Client, Config, EncryptionLevel};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::rows::QueryRows;
use super::session::{Opened, Server, runtime};

/// Reads what is given, then the end; takes whatever is written.
struct Replay {
    bytes: Vec<u8>,
    /// Bytes that have been read.
    done: usize,
}

impl AsyncRead for Replay {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let end = self.bytes.len().min(self.done + out.remaining());
        out.put_slice(&self.bytes[self.done..end]);
        self.done = end;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Replay {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The rows of a query from a server that sends these bytes, without encryption: its answers to the first message, to
/// the login and to the query.
pub fn rows(bytes: Vec<u8>) -> Result<Vec<RecordBatch>> {
    let runtime = runtime()?;
    let mut config = Config::new();
    config.encryption(EncryptionLevel::NotSupported);
    config.authentication(AuthMethod::sql_server("user", "password"));
    // A server that asks for TLS fails in the handshake; reading the machine's certificates for it takes long.
    config.trust_cert();
    let opened = Opened::new(Replay { bytes, done: 0 });
    let client = runtime.block_on(Client::connect(config, opened.wire))?;
    let mut server = Server::of(client, opened.received, runtime, "replay".into(), Duration::from_secs(10));
    QueryRows::of(move |reading| server.each("SELECT", reading))?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int32Type;

    /// A packet that ends a message of a server.
    fn packet(content: &[u8]) -> Vec<u8> {
        let length = (content.len() as u16 + 8).to_be_bytes();
        [&[4, 1, length[0], length[1], 0, 0, 1, 0], content].concat()
    }

    #[test]
    fn bytes_are_read_as_a_servers_answers() {
        let done = [0xFD, 0x10, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
        let hello = [0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF, 16, 0, 0, 0, 0, 0, 2];
        let column = [0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0x38, 1, b'a', 0];
        let row = [0xD1, 7, 0, 0, 0];
        let answer = [&column[..], &row, &row, &done].concat();
        let all = [packet(&hello), packet(&done), packet(&answer)].concat();
        let read = rows(all.clone()).unwrap();
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].schema().field(0).name(), "a");
        assert_eq!(read[0].column(0).as_primitive::<Int32Type>().values(), &[7, 7]);
        // Wherever the bytes end too early, there is an error.
        for end in 0..all.len() {
            assert!(rows(all[..end].to_vec()).is_err(), "{end}");
        }
    }
}
