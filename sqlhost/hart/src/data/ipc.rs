//! Arrow IPC: files and streams.
//!
//! The crate trusts some sizes in a file, and a damaged file may state any size, so they are checked against the file
//! first.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

use arrow_array::RecordBatch;
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_ipc::{Block, CompressionType, Message, root_as_footer, root_as_message};
use arrow_schema::{ArrowError, SchemaRef};

use super::source::{BATCH_BYTES, BATCH_ROWS, Batches, Source};

/// Precedes the length of a message, in all files except those from before 2019.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// The maximum expansion of a byte: LZ4 repeats at most 255 bytes with one, and a block of Zstandard, 128 KiB, takes at
/// least three.
const MOST_LZ4: u64 = 256;
const MOST_ZSTD: u64 = 1 << 16;

/// Reads an Arrow IPC file, or a stream unless `in_blocks`.
pub(super) fn start(file: &File, in_blocks: bool, wanted: Option<Vec<usize>>) -> Result<Source, ArrowError> {
    check(file, in_blocks)?;
    // A reader with a projection knows only the wanted columns, so a second one provides the schema.
    let again = || -> Result<BufReader<File>, ArrowError> {
        let mut file = file.try_clone()?;
        file.rewind()?;
        Ok(BufReader::new(file))
    };
    let schema: SchemaRef = match in_blocks {
        true => FileReader::try_new(again()?, None)?.schema(),
        false => StreamReader::try_new(again()?, None)?.schema(),
    };
    let batches: Batches = match in_blocks {
        true => Box::new(FileReader::try_new(again()?, wanted)?.flat_map(parts)),
        false => Box::new(StreamReader::try_new(again()?, wanted)?.flat_map(parts)),
    };
    Ok(Source { typed: schema.clone(), schema, rows: None, batches })
}

/// A batch, which may be the whole file, split into parts of the usual size.
fn parts(batch: Result<RecordBatch, ArrowError>) -> Vec<Result<RecordBatch, ArrowError>> {
    let Ok(whole) = &batch else { return vec![batch] };
    let rows = whole.num_rows();
    let row_bytes = whole.get_array_memory_size() / rows.max(1);
    let step = (BATCH_BYTES / row_bytes.max(1)).clamp(1, BATCH_ROWS);
    if rows <= step {
        return vec![batch];
    }
    (0..rows).step_by(step).map(|from| Ok(whole.slice(from, step.min(rows - from)))).collect()
}

fn damaged(what: impl Into<String>) -> ArrowError {
    ArrowError::ParseError(format!("the file is damaged: {}", what.into()))
}

/// Checks that all messages are within the file, and that their unpacked sizes are possible.
fn check(file: &File, in_blocks: bool) -> Result<(), ArrowError> {
    let mut file = BufReader::new(file.try_clone()?);
    let length = file.seek(SeekFrom::End(0))?;
    if in_blocks { check_blocks(&mut file, length) } else { check_stream(&mut file, length) }
}

fn check_blocks(file: &mut BufReader<File>, length: u64) -> Result<(), ArrowError> {
    let footer = {
        let mut tail = [0; 10];
        file.seek(SeekFrom::End(-10))?;
        file.read_exact(&mut tail)?;
        let size = i32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]);
        let size = u64::try_from(size).ok().filter(|size| size + 10 <= length);
        let size = size.ok_or_else(|| damaged("its footer is longer than the file"))?;
        bytes(file, length - 10 - size, size)?
    };
    let footer = root_as_footer(&footer).map_err(|error| damaged(error.to_string()))?;
    let blocks =
        footer.dictionaries().into_iter().flatten().chain(footer.recordBatches().into_iter().flatten());
    for block in blocks {
        check_block(file, block, length)?;
    }
    Ok(())
}

fn check_block(file: &mut BufReader<File>, block: &Block, length: u64) -> Result<(), ArrowError> {
    let sizes = || {
        let (from, head) = (u64::try_from(block.offset()).ok()?, u64::try_from(block.metaDataLength()).ok()?);
        let body = u64::try_from(block.bodyLength()).ok()?;
        let end = from.checked_add(head)?.checked_add(body)?;
        (end <= length).then_some((from, head, body))
    };
    let (from, head, body) = sizes().ok_or_else(|| damaged("a block reaches beyond its end"))?;
    let message = bytes(file, from, head)?;
    let skipped = if message.starts_with(&CONTINUATION) { 8 } else { 4 };
    let message = message.get(skipped..).ok_or_else(|| damaged("a block without a message"))?;
    let message = root_as_message(message).map_err(|error| damaged(error.to_string()))?;
    check_message(file, &message, from + head, body)
}

fn check_stream(file: &mut BufReader<File>, length: u64) -> Result<(), ArrowError> {
    let mut at = 0;
    while at + 4 <= length {
        let mut start = bytes(file, at, 4)?;
        at += 4;
        if start == CONTINUATION {
            start = bytes(file, at, 4.min(length - at))?;
            at += 4;
        }
        let Ok(start) = <[u8; 4]>::try_from(start) else { break };
        let size = u64::try_from(i32::from_le_bytes(start)).ok().filter(|size| *size <= length - at);
        let size = size.ok_or_else(|| damaged("a message reaches beyond its end"))?;
        if size == 0 {
            break;
        }
        let message = bytes(file, at, size)?;
        at += size;
        let message = root_as_message(&message).map_err(|error| damaged(error.to_string()))?;
        let body = u64::try_from(message.bodyLength()).ok().filter(|body| *body <= length - at);
        let body = body.ok_or_else(|| damaged("a batch reaches beyond its end"))?;
        check_message(file, &message, at, body)?;
        at += body;
    }
    Ok(())
}

/// Checks a message that is followed by a body of that size.
fn check_message(
    file: &mut BufReader<File>,
    message: &Message<'_>,
    begin: u64,
    size: u64,
) -> Result<(), ArrowError> {
    let batch = message
        .header_as_record_batch()
        .or_else(|| message.header_as_dictionary_batch().and_then(|batch| batch.data()));
    let Some(batch) = batch else { return Ok(()) };
    for buffer in batch.buffers().into_iter().flatten() {
        let from = u64::try_from(buffer.offset()).ok();
        let length = u64::try_from(buffer.length()).ok();
        let (Some(from), Some(length)) = (from, length) else {
            return Err(damaged("a buffer of negative size"));
        };
        if from.checked_add(length).is_none_or(|end| end > size) {
            return Err(damaged("a buffer reaches beyond its batch"));
        }
        let Some(compression) = batch.compression().filter(|_| length >= 8) else { continue };
        let most = if compression.codec() == CompressionType::LZ4_FRAME { MOST_LZ4 } else { MOST_ZSTD };
        let mut unpacked = [0; 8];
        unpacked.copy_from_slice(&bytes(file, begin + from, 8)?);
        // −1 means not packed.
        let unpacked = u64::try_from(i64::from_le_bytes(unpacked)).unwrap_or(0);
        if unpacked > length.saturating_mul(most) {
            return Err(damaged(format!("a buffer of {length} bytes that unpacks to {unpacked}")));
        }
        let wanted = usize::try_from(unpacked).unwrap_or(usize::MAX);
        if Vec::<u8>::new().try_reserve_exact(wanted).is_err() {
            return Err(ArrowError::MemoryError(format!(
                "a buffer unpacks to {unpacked} bytes, more than there is memory"
            )));
        }
    }
    Ok(())
}

/// Bytes of the file; the caller has checked the range against its length.
fn bytes(file: &mut BufReader<File>, from: u64, length: u64) -> Result<Vec<u8>, ArrowError> {
    let mut out = vec![0; length as usize];
    let here = file.stream_position()?;
    file.seek_relative(from as i64 - here as i64)?;
    file.read_exact(&mut out)?;
    Ok(out)
}
