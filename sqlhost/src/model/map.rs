//! The border to the operating system's memory maps.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{Error, ErrorKind};
use std::ops::{Deref, Range};

use memmap2::{Mmap, MmapOptions};

/// A part of a file in memory, read by the operating system as it is looked at, and given back when this is dropped.
///
/// Whoever shortens the file meanwhile ends this process, and whoever writes to it changes what is read here: a model file
/// must be left alone while it is open. This is so with every program that maps its model files.
#[derive(Debug)]
pub struct Mapped(Option<Mmap>);

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_deref().unwrap_or(&[])
    }
}

/// Maps these bytes of the file, to be read only.
pub(super) fn map(file: &File, range: Range<usize>) -> Result<Mapped, Error> {
    // Nothing at the end of a file cannot be mapped everywhere.
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
    // SAFETY: the map is read-only, lies within the file by the check above, and is given out as plain bytes, any values of
    // which are valid. What remains, that nobody changes the file meanwhile, no program can enforce; `Mapped` asks for it.
    let map = unsafe { options.map(file) }?;
    Ok(Mapped(Some(map)))
}
