//! Files of rows: an error, or all rows, in the same number each time. The readers of Arrow and Parquet panic on some damage, which
//! the command turns into an error, so that only what it does not catch counts.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use hart::fuzzing;
use libfuzzer_sys::fuzz_target;

/// The formats that the first byte chooses from, and how their files begin, so that the fuzzer need not find it out.
const FORMATS: [(&str, &[u8]); 8] = [
    ("npy", b"\x93NUMPY\x01\x00"),
    ("npy", b""),
    ("npz", b"PK\x03\x04"),
    ("csv", b""),
    ("csv", b"id,v,t\n1,\"[1,2]\",a\n"),
    ("parquet", b""),
    ("arrow", b"\xff\xff\xff\xff"),
    ("arrow", b""),
];

/// One folder per process, in memory where there is such a file system.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let parent = if memory.is_dir() { memory } else { std::env::temp_dir() };
    let folder = parent.join(format!("hart-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
});

fuzz_target!(init: fuzzing::quiet(), |input: &[u8]| {
    let Some((first, rest)) = input.split_first() else { return };
    let (extension, begin) = FORMATS[usize::from(*first) % FORMATS.len()];
    let file = FOLDER.join(format!("a.{extension}"));
    std::fs::write(&file, [begin, rest].concat()).expect("a file");
    let read = |_| fuzzing::read(&file).map_err(|error| format!("{error:#}"));
    let [once, again] = [0, 1].map(read);
    assert_eq!(once, again);
});
