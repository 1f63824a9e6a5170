//! Answers of a server: an error, or rows, the same each time. Where the client panics, the command reports that as its own fault,
//! and that counts as an error here.
#![no_main]

use hart::fuzzing::{quiet, replay};
use libfuzzer_sys::fuzz_target;

/// A packet that ends a message of a server.
fn packet(content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u16 + 8).to_be_bytes();
    [&[4, 1, length[0], length[1], 0, 0, 1, 0], content].concat()
}

/// The answer to the first message: version 16, no encryption.
const HELLO: [u8; 18] = [0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF, 16, 0, 0, 0, 0, 0, 2];
/// The end of an answer.
const DONE: [u8; 13] = [0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fuzz_target!(init: quiet(), |input: &[u8]| {
    let Some((first, rest)) = input.split_first() else { return };
    // The first byte tells how far the server is an honest one.
    let bytes = match first % 4 {
        0 => rest.to_vec(),
        1 => [packet(&HELLO), packet(rest), packet(&DONE)].concat(),
        2 => [packet(&HELLO), packet(&DONE), rest.to_vec()].concat(),
        _ => [packet(&HELLO), packet(&DONE), packet(rest)].concat(),
    };
    let read = |_| replay::rows(bytes.clone()).ok();
    let [once, again] = [0, 1].map(read);
    // Text and bits, for NaN is not equal to itself.
    assert_eq!(format!("{once:?}"), format!("{again:?}"));
});
