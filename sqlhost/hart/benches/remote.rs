//! Rows of a server, where the server of the tests runs.

#[cfg(unix)]
#[path = "remote/unix.rs"]
mod unix;

#[cfg(unix)]
criterion::criterion_main!(unix::benches);

#[cfg(not(unix))]
fn main() {}
