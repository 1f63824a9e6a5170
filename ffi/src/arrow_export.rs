//! The border of the Arrow C data interface, outwards: turns columns into a batch that the caller releases.
#![allow(unsafe_code)]

use std::ffi::{CString, c_void};

use crate::abi::{ArrowArray, ArrowSchema};
use crate::columns::{Field, Made};

/// Resources owned by an exported array.
struct ArrayHolder {
    /// The buffers' memory does not move when the vectors do.
    _buffers: Vec<Vec<u8>>,
    pointers: Vec<*const c_void>,
    children: Vec<*mut ArrowArray>,
    dictionary: *mut ArrowArray,
}

/// Resources owned by an exported schema.
struct SchemaHolder {
    _texts: [CString; 2],
    _metadata: Option<Vec<u8>>,
    children: Vec<*mut ArrowSchema>,
    dictionary: *mut ArrowSchema,
}

/// Frees an exported array.
///
/// # Safety
///
/// The consumer calls this once, as the Arrow C data interface demands, with an array that [`array`] made.
unsafe extern "C" fn release_array(array: *mut ArrowArray) {
    // SAFETY: the consumer calls this once with an array that `array` made. So `private_data` is that function's box,
    // and the children are its boxes; a consumer that has moved a child out has marked it as released.
    unsafe {
        let array = &mut *array;
        let holder = Box::from_raw(array.private_data.cast::<ArrayHolder>());
        for child in
            holder.children.iter().chain((!holder.dictionary.is_null()).then_some(&holder.dictionary))
        {
            let mut child = Box::from_raw(*child);
            if let Some(release) = child.release {
                release(&raw mut *child);
            }
        }
        array.private_data = std::ptr::null_mut();
        array.release = None;
    }
}

/// Frees an exported schema.
///
/// # Safety
///
/// As [`release_array`], for a schema that [`schema`] made.
unsafe extern "C" fn release_schema(schema: *mut ArrowSchema) {
    // SAFETY: the consumer calls this once with a schema that `schema` made. So `private_data` is that function's box,
    // and the children are its boxes; a consumer that has moved a child out has marked it as released.
    unsafe {
        let schema = &mut *schema;
        let holder = Box::from_raw(schema.private_data.cast::<SchemaHolder>());
        for child in
            holder.children.iter().chain((!holder.dictionary.is_null()).then_some(&holder.dictionary))
        {
            let mut child = Box::from_raw(*child);
            if let Some(release) = child.release {
                release(&raw mut *child);
            }
        }
        schema.private_data = std::ptr::null_mut();
        schema.release = None;
    }
}

/// A buffer aligned to 8 bytes, as Arrow recommends; allocators do so anyway.
fn aligned(buffer: Vec<u8>) -> (Vec<u8>, *const c_void) {
    if buffer.is_empty() {
        // An empty vector's pointer is aligned for bytes only.
        return (buffer, std::ptr::dangling::<u64>().cast());
    }
    let skip = buffer.as_ptr().align_offset(8);
    if skip == 0 {
        let pointer = buffer.as_ptr();
        return (buffer, pointer.cast());
    }
    let mut copy = vec![0; buffer.len() + 7];
    let skip = copy.as_ptr().align_offset(8);
    copy[skip..skip + buffer.len()].copy_from_slice(&buffer);
    let pointer = copy[skip..].as_ptr();
    (copy, pointer.cast())
}

fn boxed<T>(value: Option<T>) -> *mut T {
    value.map_or(std::ptr::null_mut(), |value| Box::into_raw(Box::new(value)))
}

/// The Arrow structures of a column made by the library.
fn structures(made: Made) -> (ArrowSchema, ArrowArray) {
    let (mut kept, mut pointers) = (Vec::new(), Vec::new());
    let first = (!made.bare).then_some(made.validity);
    for buffer in first.into_iter().chain(made.buffers.into_iter().map(Some)) {
        let Some(buffer) = buffer else {
            pointers.push(std::ptr::null());
            continue;
        };
        let (buffer, pointer) = aligned(buffer);
        kept.push(buffer);
        pointers.push(pointer);
    }
    let (schemas, arrays): (Vec<_>, Vec<_>) = made.children.into_iter().map(structures).unzip();
    let (of_schema, of_array) = made.dictionary.map(|dictionary| structures(*dictionary)).unzip();
    let children = arrays.into_iter().map(|child| boxed(Some(child))).collect();
    let dictionary = boxed(of_array);
    let mut holder = Box::new(ArrayHolder { _buffers: kept, pointers, children, dictionary });
    let array = ArrowArray {
        length: made.rows as i64,
        null_count: made.nulls as i64,
        offset: 0,
        n_buffers: holder.pointers.len() as i64,
        n_children: holder.children.len() as i64,
        buffers: holder.pointers.as_mut_ptr(),
        children: holder.children.as_mut_ptr(),
        dictionary,
        release: Some(release_array),
        private_data: Box::into_raw(holder).cast(),
    };
    (schema(made.field, schemas, of_schema), array)
}

fn schema(field: Field, children: Vec<ArrowSchema>, dictionary: Option<ArrowSchema>) -> ArrowSchema {
    // Names come from terminated texts, so they contain no zero byte.
    let texts = [field.name, field.format].map(|text| CString::new(text).unwrap_or_default());
    let (name, format) = (texts[0].as_ptr(), texts[1].as_ptr());
    let metadata = field.metadata.as_ref().map_or(std::ptr::null(), |bytes| bytes.as_ptr().cast());
    let children = children.into_iter().map(|child| boxed(Some(child))).collect();
    let dictionary = boxed(dictionary);
    let mut holder =
        Box::new(SchemaHolder { _texts: texts, _metadata: field.metadata, children, dictionary });
    ArrowSchema {
        format,
        name,
        metadata,
        flags: field.flags,
        n_children: holder.children.len() as i64,
        children: holder.children.as_mut_ptr(),
        dictionary,
        release: Some(release_schema),
        private_data: Box::into_raw(holder).cast(),
    }
}

/// A batch of columns that the caller takes over: an array of type struct.
pub(crate) fn export(columns: Vec<Made>, rows: usize) -> (ArrowSchema, ArrowArray) {
    let field = Field { flags: 0, ..Field::nullable("", "+s") };
    structures(Made { field, rows, children: columns, ..Made::default() })
}
