//! Every kernel by name, on the Arrow C data interface.
#![allow(unsafe_code)]

use std::ffi::c_char;

use hart_kernels::default_memory_limit;
use hart_kernels::registry::Value;

use crate::abi::{
    ArrowArray, ArrowSchema, HART_PARAM_BYTES, HART_PARAM_INTEGER, HART_PARAM_NULL, HART_PARAM_NUMBER,
    HART_PARAM_TEXT, HartInvokeOptions, HartParam,
};
use crate::arrow::{self, Seen};
use crate::arrow_export;
use crate::failure::{Failure, caught, guard};
use crate::invoke;
use crate::raw::{self, Span};

/// Runs a kernel by name on the columns of a batch.
///
/// The batch is an array of type struct (`+s`), as record batches are exported; it is only read, and stays the caller's to
/// release. Columns are bound by name, without regard to case, where all declared names are there, else by position where their
/// numbers match. Further columns are carried along: row by row, or with the rows that a search picks.
///
/// Vectors are lists or fixed-size lists of int8, float16, float32 or float64, or of any other integers up to ±2⁵³ (which become float32
/// where all are within ±2²⁴, else float64), binary (packed elements, as the parameter `element` says)
/// or utf8 (JSON arrays). Numbers are integers, floats and bools. Results have the types float64, int32, int64, large_utf8, large_binary,
/// and for vectors large_list, large_binary or large_utf8, as the first vector column was a list, packed or JSON. NULLs and
/// offsets are understood; what a kernel reads must have no NULL inside a list, and no dictionary. A NaN in a result is the canonical one.
///
/// Columns that are carried along have any type, and keep name, type, flags and metadata; the name gets the prefix `input_` where
/// the result has a column of that name.
///
/// The result is a batch of the same kind, for the caller to release: `hart_arrow_release` does, or its own callbacks. After a failure
/// both structures are released already; but nothing is written where one of them is NULL or misaligned, or they overlap what is read, or
/// each other: so set both to zeros before the call. Where the kernel takes no columns, `input_schema` and `input` may be NULL; if it does
/// not return those that it gets, any column is an error.
///
/// `params`: `param_count` parameters; those that are not given have the defaults of the kernel. `options`: NULL for the default.
///
/// # Safety
///
/// The pointers are NULL or point to what their types say, the structures of Arrow to live ones with buffers as large as their lengths and
/// offsets say; nobody writes what is read, or touches what is written, during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_invoke(
    kernel: *const c_char,
    input_schema: *const ArrowSchema,
    input: *const ArrowArray,
    params: *const HartParam,
    param_count: usize,
    options: *const HartInvokeOptions,
    output_schema: *mut ArrowSchema,
    output: *mut ArrowArray,
) -> i32 {
    guard(|| {
        let schema_target = raw::output("output_schema", output_schema, 1)?;
        let target = raw::output("output", output, 1)?;
        let outputs = [schema_target.span(), target.span()];
        raw::apart(&outputs, &[])?;
        // SAFETY: the caller of `hart_invoke` guarantees what `run` demands of these pointers.
        let made =
            caught(|| unsafe { run(kernel, input_schema, input, (params, param_count), options, &outputs) });
        // Outputs that overlap inputs are left as they are, because they are the caller's input.
        if let Err(overlap @ Failure::Overlap { .. }) = made {
            return Err(overlap);
        }
        // SAFETY: both were checked for one element, and the caller guarantees that they are writable and touched by
        // nobody else. All zeros is a released structure.
        unsafe {
            schema_target.write(std::mem::zeroed());
            target.write(std::mem::zeroed());
            let (schema, array) = made?;
            schema_target.write(schema);
            target.write(array);
        }
        Ok(())
    })
}

/// The result of `hart_invoke`, whose `outputs` must not overlap what it reads.
///
/// # Safety
///
/// As `hart_invoke`.
unsafe fn run(
    kernel: *const c_char,
    input_schema: *const ArrowSchema,
    input: *const ArrowArray,
    (params, param_count): (*const HartParam, usize),
    options: *const HartInvokeOptions,
    outputs: &[Span],
) -> Result<(ArrowSchema, ArrowArray), Failure> {
    let mut read = Vec::new();
    // SAFETY: the caller guarantees that the pointers are NULL or point to what their types say, and that nobody writes
    // there meanwhile.
    unsafe {
        let (name, span) = raw::text("kernel", kernel)?;
        read.push(span);
        let mut limit = default_memory_limit();
        if !options.is_null() {
            let (given, span) = raw::read(options)?;
            read.push(span);
            if given.reserved != 0 {
                return Err(Failure::Constant {
                    name: "HartInvokeOptions.reserved",
                    value: given.reserved.into(),
                    expected: "0".into(),
                });
            }
            limit = if given.memory_limit == 0 { limit } else { given.memory_limit };
        }
        let given = raw::read_array(params, param_count)?;
        // `read_array` has checked that all state this size, and that the product fits.
        let size = given.first().map_or(0, |param| param.size as usize);
        read.push(raw::input("HartParam", params.cast::<u8>(), size * given.len())?.span());
        let mut values = Vec::with_capacity(given.len());
        for param in &given {
            values.push(parameter(param, &mut read)?);
        }
        let seen = Seen::default();
        let imported = arrow::import(&seen, input_schema, input);
        read.extend(seen.spans());
        raw::apart(outputs, &read)?;
        let (columns, rows) = imported?;
        let made = invoke::invoke(name, &columns, rows, values, limit);
        let (made, rows) = made.map_err(|failure| failure.of_columns(limit))?;
        Ok(arrow_export::export(made, rows))
    }
}

/// # Safety
///
/// The parameter's pointers are NULL or point to what its kind says, unchanged for `'a`.
unsafe fn parameter<'a>(param: &'a HartParam, read: &mut Vec<Span>) -> Result<(String, Value), Failure> {
    // SAFETY: the caller guarantees that the name is NULL or a terminated text, unchanged for `'a`.
    let (name, span): (&'a str, Span) = unsafe { raw::text("HartParam.name", param.name) }?;
    read.push(span);
    let mut bytes = || {
        let data = raw::input("HartParam.data", param.data.cast::<u8>(), param.length)?;
        read.push(data.span());
        // SAFETY: the caller guarantees `length` readable bytes at `data`, unchanged for `'a`.
        Ok::<&'a [u8], Failure>(unsafe { data.slice() })
    };
    let value = match param.kind {
        HART_PARAM_NULL => Value::Null,
        HART_PARAM_INTEGER => Value::Int(param.integer),
        HART_PARAM_NUMBER => Value::Float(param.number),
        HART_PARAM_TEXT => Value::Text(raw::utf8(name, bytes()?)?.into()),
        HART_PARAM_BYTES => Value::Bytes(bytes()?.to_vec()),
        kind => {
            return Err(Failure::Constant {
                name: "HartParam.kind",
                value: kind.into(),
                expected: "HART_PARAM_…".into(),
            });
        }
    };
    Ok((name.to_string(), value))
}

/// Releases a batch that `hart_invoke` returned, or any other live one. Either pointer may be NULL, and a structure that is released
/// already is left alone.
///
/// # Safety
///
/// The pointers are NULL or point to structures as the Arrow C data interface defines them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_arrow_release(schema: *mut ArrowSchema, array: *mut ArrowArray) -> i32 {
    guard(|| {
        let schema_target = raw::output("schema", schema, usize::from(!schema.is_null()))?;
        let array_target = raw::output("array", array, usize::from(!array.is_null()))?;
        raw::apart(&[schema_target.span(), array_target.span()], &[])?;
        // SAFETY: the caller guarantees that pointers which are not NULL point to Arrow structures; a callback clears
        // itself, so it is called once.
        unsafe {
            if let Some(release) = schema_target.slice().first().and_then(|schema| schema.release) {
                release(schema);
            }
            if let Some(release) = array_target.slice().first().and_then(|array| array.release) {
                release(array);
            }
        }
        Ok(())
    })
}
