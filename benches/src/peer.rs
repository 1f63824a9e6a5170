//! Other programs that do the work of a bench and say how long it took.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// A process that takes lines, each the work to do and how often, and answers with seconds. The end of its input ends it.
pub struct Peer {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts it with `input` before the lines.
    pub fn start(command: &mut Command, input: &[u8]) -> Peer {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut orders = child.stdin.take().unwrap();
        orders.write_all(input).unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Peer { child, orders: Some(orders), answers }
    }

    /// The bytes that it says before the first answer.
    pub fn preface(&mut self, bytes: usize) -> Vec<u8> {
        let mut out = vec![0; bytes];
        self.answers.read_exact(&mut out).unwrap();
        out
    }

    /// The next line that it says.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim().to_string()
    }

    /// Has it do the work that a line says.
    pub fn run(&mut self, order: &str) -> Duration {
        writeln!(self.orders.as_mut().unwrap(), "{order}").unwrap();
        Duration::from_secs_f64(self.line().parse().unwrap())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.orders = None;
        self.child.wait().unwrap();
    }
}
