//! What a model file claims is checked before memory is taken for it. One test, for the allocator counts for all threads.

#[path = "it/common/models.rs"]
mod models;

use std::alloc::System;

use hart::model::parse;
use models::{Gguf, safetensors, string};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[test]
fn claims_of_hostile_files_take_no_memory() {
    const HUGE: u64 = 1 << 44;
    let gguf = |tensors: u64, entries: u64, rest: &[u8]| {
        [b"GGUF", &3u32.to_le_bytes()[..], &tensors.to_le_bytes(), &entries.to_le_bytes(), rest].concat()
    };
    let array = |item: u32| {
        [&string("a")[..], &9u32.to_le_bytes(), &item.to_le_bytes(), &HUGE.to_le_bytes(), &[0; 64]].concat()
    };
    let mut large = Gguf::new();
    large.tensors = vec![("t", vec![HUGE], 0, vec![0; 4])];
    let info = format!(r#"{{"t":{{"dtype":"F32","shape":[{HUGE}],"data_offsets":[0,{}]}}}}"#, HUGE * 4);
    let files = [
        ("tensors", gguf(HUGE, 0, &[0; 64])),
        ("entries", gguf(0, HUGE, &[0; 64])),
        ("key", gguf(0, 1, &HUGE.to_le_bytes())),
        ("array of bytes", gguf(0, 1, &array(0))),
        ("array of texts", gguf(0, 1, &array(8))),
        ("array of arrays", gguf(0, 1, &array(9))),
        ("elements", large.bytes()),
        ("header", [&99_999_999u64.to_le_bytes()[..], b"{}"].concat()),
        ("elements of safetensors", safetensors(&info, &[0; 4])),
    ];
    for (what, file) in files {
        let region = Region::new(ALLOCATOR);
        parse(&file).unwrap_err();
        let allocated = region.change().bytes_allocated;
        assert!(allocated < 8192, "{what}: {allocated} bytes allocated for a file of {}", file.len());
    }
}
