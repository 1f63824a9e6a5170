//! `hart_invoke` with any kernel, any parameters and Arrow batches that lie in every way that a check can see: a status with a text, or
//! a batch that fits itself, never a panic and never a byte read beyond the buffers. Only the size of a buffer is true, for it
//! cannot be checked.
#![no_main]

use std::ffi::{CString, c_char, c_void};
use std::ptr::{null, null_mut};

use arbitrary::Arbitrary;
use hart_kernels::registry::KERNELS;
use hart_native::abi::*;
use hart_native::exports::invoke::{hart_arrow_release, hart_invoke};
use hart_native::exports::library::hart_last_error;
use libfuzzer_sys::fuzz_target;

/// Bytes of every buffer: more than the greatest index below times the widest value.
const ROOM: usize = 1 << 15;

#[derive(Arbitrary, Debug)]
struct Column {
    name: u8,
    format: u8,
    item: u8,
    width: u8,
    offset: u8,
    item_offset: u8,
    item_length: u16,
    nulls: i8,
    validity: Option<Vec<u8>>,
    item_validity: Option<Vec<u8>>,
    starts: Vec<i16>,
    bytes: Vec<u8>,
    metadata: Option<Vec<u8>>,
    wrong: u8,
}

#[derive(Arbitrary, Debug)]
struct Param {
    name: u8,
    kind: u8,
    integer: i64,
    number: f64,
    data: Vec<u8>,
}

#[derive(Arbitrary, Debug)]
struct Input {
    kernel: u8,
    rows: u8,
    offset: u8,
    columns: Vec<Column>,
    params: Vec<Param>,
    wrong: u8,
}

const FORMATS: &[&str] = &[
    "b",
    "c",
    "C",
    "s",
    "S",
    "i",
    "I",
    "l",
    "L",
    "e",
    "f",
    "g",
    "u",
    "U",
    "z",
    "Z",
    "+l",
    "+L",
    "+w",
    "w",
    "tdD",
    "tdm",
    "tin",
    "tsu:UTC",
    "d:38,2",
    "d:9,2,32",
    "d:76,2,256",
    "+s",
    "vu",
    "n",
    "",
    "+w:-1",
    "w:99999999999999999999",
];
const ITEMS: &[&str] = &["f", "g", "e", "c", "i", "u", "+l", ""];

/// Memory that structures point to, which stays where it is until it is dropped.
#[derive(Default)]
struct Memory {
    texts: Vec<CString>,
    buffers: Vec<Vec<u64>>,
    pointers: Vec<Box<[*const c_void; 4]>>,
    schemas: Vec<Box<ArrowSchema>>,
    arrays: Vec<Box<ArrowArray>>,
    schema_lists: Vec<Vec<*mut ArrowSchema>>,
    array_lists: Vec<Vec<*mut ArrowArray>>,
}

unsafe extern "C" fn release_schema(schema: *mut ArrowSchema) {
    // SAFETY: of a live structure, by the interface.
    unsafe { (*schema).release = None }
}

unsafe extern "C" fn release_array(array: *mut ArrowArray) {
    // SAFETY: as above.
    unsafe { (*array).release = None }
}

impl Memory {
    fn text(&mut self, text: &str) -> *const c_char {
        self.texts.push(CString::new(text.replace('\0', "")).unwrap());
        self.texts[self.texts.len() - 1].as_ptr()
    }

    fn buffer(&mut self, bytes: impl Iterator<Item = u8>) -> *const c_void {
        let mut whole: Vec<u8> = bytes.take(ROOM).collect();
        whole.resize(ROOM, 0);
        let words = whole.as_chunks::<8>().0.iter().map(|b| u64::from_ne_bytes(*b)).collect();
        self.buffers.push(words);
        self.buffers[self.buffers.len() - 1].as_ptr().cast()
    }

    fn bitmap(&mut self, bits: Option<&Vec<u8>>) -> *const c_void {
        bits.map_or(null(), |bits| self.buffer(bits.iter().copied()))
    }

    /// A pair of structures with children.
    fn pair(
        &mut self,
        (name, format): (&str, &str),
        (length, offset, nulls): (i64, i64, i64),
        buffers: &[*const c_void],
        children: Vec<(*mut ArrowSchema, *mut ArrowArray)>,
    ) -> (*mut ArrowSchema, *mut ArrowArray) {
        let (name, format) = (self.text(name), self.text(format));
        let mut pointers = Box::new([null(); 4]);
        pointers[..buffers.len()].copy_from_slice(buffers);
        let (mut schemas, mut arrays): (Vec<_>, Vec<_>) = children.into_iter().unzip();
        let n_children = schemas.len() as i64;
        self.schemas.push(Box::new(ArrowSchema {
            format,
            name,
            metadata: null(),
            flags: 2,
            n_children,
            children: schemas.as_mut_ptr(),
            dictionary: null_mut(),
            release: Some(release_schema),
            private_data: null_mut(),
        }));
        self.arrays.push(Box::new(ArrowArray {
            length,
            null_count: nulls,
            offset,
            n_buffers: buffers.len() as i64,
            n_children,
            buffers: pointers.as_mut_ptr(),
            children: arrays.as_mut_ptr(),
            dictionary: null_mut(),
            release: Some(release_array),
            private_data: null_mut(),
        }));
        self.pointers.push(pointers);
        self.schema_lists.push(schemas);
        self.array_lists.push(arrays);
        let last = self.schemas.len() - 1;
        (&raw mut *self.schemas[last], &raw mut *self.arrays[last])
    }

    fn column(
        &mut self,
        column: &Column,
        declared: Option<&str>,
        rows: i64,
    ) -> (*mut ArrowSchema, *mut ArrowArray) {
        let name = declared.map_or(format!("c{}", column.name), String::from);
        let kind = FORMATS[usize::from(column.format) % FORMATS.len()];
        let item = ITEMS[usize::from(column.item) % ITEMS.len()];
        let format = match kind {
            "+w" | "w" => format!("{kind}:{}", column.width % 33),
            _ => kind.to_string(),
        };
        let validity = self.bitmap(column.validity.as_ref());
        let data = column.bytes.iter().copied().cycle();
        let data = if column.bytes.is_empty() { self.buffer(std::iter::empty()) } else { self.buffer(data) };
        // Offsets up to 1023 values of 8 bytes lie inside of the buffers; some are negative, and some go back.
        let mut starts: Vec<i32> = column.starts.iter().map(|start| i32::from(*start) % 1024).collect();
        if column.width % 2 == 1 {
            starts.iter_mut().for_each(|start| *start = start.abs());
            starts.sort_unstable();
            starts.resize(ROOM / 8, starts.last().copied().unwrap_or(0));
        }
        let starts = starts.into_iter();
        let buffers = match kind {
            "u" | "z" | "+l" => vec![validity, self.buffer(starts.flat_map(i32::to_le_bytes)), data],
            "U" | "Z" | "+L" => {
                vec![validity, self.buffer(starts.flat_map(|s| i64::from(s).to_le_bytes())), data]
            }
            "+w" | "+s" => vec![validity],
            _ => vec![validity, data],
        };
        let (mut buffers, mut children) = (buffers, Vec::new());
        if matches!(kind, "+l" | "+L" | "+w") {
            buffers.truncate(2);
            let item_validity = self.bitmap(column.item_validity.as_ref());
            let place =
                (i64::from(column.item_length), i64::from(column.item_offset % 16), i64::from(column.nulls));
            let item_buffers = [item_validity, data];
            children.push(self.pair(("item", item), place, &item_buffers, Vec::new()));
        }
        let (offset, nulls) = (i64::from(column.offset % 16), i64::from(column.nulls));
        let (schema, array) = self.pair((&name, &format), (rows, offset, nulls), &buffers, children);
        // SAFETY: both have just been made.
        let (schema, array) = unsafe { (&mut *schema, &mut *array) };
        if let Some(bytes) = &column.metadata {
            // One pair, whose lengths are true.
            let length = (bytes.len().min(100) as i32).to_ne_bytes();
            let pair = 1i32
                .to_ne_bytes()
                .into_iter()
                .chain(length)
                .chain(bytes.iter().take(100).copied())
                .chain([0; 4]);
            schema.metadata = self.buffer(pair).cast();
        }
        match column.wrong {
            1 => array.length = -1,
            2 => array.offset = i64::MAX,
            3 => array.offset = -1,
            4 => array.n_buffers += 1,
            5 => array.buffers = null_mut(),
            6 => array.n_children += 1,
            7 => array.children = null_mut(),
            8 => schema.release = None,
            9 => array.dictionary = &raw mut *array,
            10 => schema.name = c"\xff".as_ptr(),
            11 => array.length -= 1,
            12 => schema.children = null_mut(),
            13 => (schema.n_children, array.n_children) = (-1, -1),
            14 => array.null_count = i64::MAX,
            _ => {}
        }
        (schema, array)
    }
}

fuzz_target!(|input: Input| {
    let kernel = KERNELS[usize::from(input.kernel) % KERNELS.len()];
    let (rows, offset) = (i64::from(input.rows % 32), i64::from(input.offset % 16));
    let mut memory = Memory::default();
    let mut columns = Vec::new();
    for column in &input.columns {
        let declared = kernel.inputs.get(usize::from(column.name)).map(|declared| declared.name);
        columns.push(memory.column(column, declared, rows + offset));
    }
    let (schema, array) = memory.pair(("", "+s"), (rows, offset, 0), &[null()], columns);
    // SAFETY: both have just been made.
    let (schema, array) = unsafe { (&mut *schema, &mut *array) };
    match input.wrong {
        1 => array.release = None,
        2 => array.length = i64::MAX,
        3 => array.offset = i64::MAX,
        4 => schema.format = c"+l".as_ptr(),
        5 => array.children = null_mut(),
        6 => array.n_buffers = 0,
        7 => array.null_count = 1,
        _ => {}
    }
    let names: Vec<CString> = input
        .params
        .iter()
        .map(|param| match kernel.params.get(usize::from(param.name)) {
            Some(declared) => CString::new(declared.name).unwrap(),
            None => CString::new(format!("p{}", param.name)).unwrap(),
        })
        .collect();
    let params: Vec<HartParam> = input
        .params
        .iter()
        .zip(&names)
        .map(|(param, name)| HartParam {
            size: size_of::<HartParam>() as u32,
            kind: u32::from(param.kind % 6),
            name: name.as_ptr(),
            integer: param.integer,
            number: param.number,
            data: param.data.as_ptr().cast(),
            length: param.data.len(),
        })
        .collect();
    let name = CString::new(kernel.name).unwrap();
    let options = HartInvokeOptions {
        size: size_of::<HartInvokeOptions>() as u32,
        reserved: 0,
        memory_limit: 64 << 20,
    };
    // SAFETY: all zero is a released structure; the batch's buffers are larger than its lengths and offsets can say.
    unsafe {
        let (mut schema_out, mut out) = (std::mem::zeroed::<ArrowSchema>(), std::mem::zeroed::<ArrowArray>());
        let status = hart_invoke(
            name.as_ptr(),
            schema,
            array,
            params.as_ptr(),
            params.len(),
            &options,
            &mut schema_out,
            &mut out,
        );
        assert_ne!(status, HART_STATUS_PANIC);
        if status == HART_OK {
            assert_eq!(schema_out.n_children, out.n_children);
            for child in std::slice::from_raw_parts(out.children, out.n_children as usize) {
                assert_eq!((**child).length, out.length);
                let buffers = std::slice::from_raw_parts((**child).buffers, (**child).n_buffers as usize);
                assert!(buffers.iter().all(|buffer| buffer.addr() % 8 == 0));
            }
        } else {
            assert!(out.release.is_none() && schema_out.release.is_none());
            let mut text = [0 as c_char; 64];
            assert!(hart_last_error(text.as_mut_ptr(), text.len()) > 1);
        }
        assert_eq!(hart_arrow_release(&mut schema_out, &mut out), HART_OK);
    }
});
