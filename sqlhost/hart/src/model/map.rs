//! The border to the operating system's memory maps.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{Error, ErrorKind};
use std::ops::{Deref, Range};

use memmap2::{Mmap, MmapOptions};

/// A memory-mapped part of a file: the operating system reads it on access, and dropping this unmaps it.
///
/// Shortening the file meanwhile kills this process, and writing to it changes what is read here: do not touch a model
/// file while it is open. The same holds for every program that maps its model files.
#[derive(Debug)]
pub struct Mapped(Option<Mmap>);

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_deref().unwrap_or(&[])
    }
}

/// Maps these bytes of the file read-only.
pub(super) fn map(file: &File, range: Range<usize>) -> Result<Mapped, Error> {
    // Not every system can map an empty range at the end of a file.
    if range.is_empty() {
        return Ok(Mapped(None));
    }
    let length = file.metadata()?.len();
    if length < range.end as u64 {
        let problem = format!("it has become shorter: {length} bytes, but {} were there", range.end);
        return Err(Error::new(ErrorKind::UnexpectedEof, problem));
    }
    let mut options = MmapOptions::new();
    options.offset(range.start as u64).len(range.len());
    // SAFETY: the map is read-only, within the file as checked above, and exposed as plain bytes, for which any values
    // are valid. Nobody may change the file meanwhile; no program can enforce that, so `Mapped` demands it of the user.
    let map = unsafe { options.map(file) }?;
    Ok(Mapped(Some(map)))
}
