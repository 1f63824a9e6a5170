//! Every kernel by name, on the Arrow C data interface.
#![allow(unsafe_code)]

use std::ffi::c_char;

use hart_kernels::registry::Value;

use crate::abi::{
    ArrowArray, ArrowSchema, HART_PARAM_BYTES, HART_PARAM_INTEGER, HART_PARAM_NULL, HART_PARAM_NUMBER,
    HART_PARAM_TEXT, HartInvokeOptions, HartParam,
};
use crate::failure::{Failure, guard};
use crate::{arrow, invoke, raw};

/// Runs a kernel by name on the columns of a batch.
///
/// The batch is an array of type struct (`+s`), as record batches are exported; it is only read, and stays the caller's to
/// release. Columns are bound by name, without regard to case, where all declared names are there, else by position where their
/// numbers match. Further columns are carried along: row by row, or with the rows that a search picks.
///
/// Vectors are lists or fixed-size lists of int8, float16, float32 or float64, binary (packed elements, as the parameter `element` says)
/// or utf8 (JSON arrays). Numbers are integers, floats and bools. Results have the types float64, int32, int64, large_utf8, large_binary,
/// and for vectors large_list, large_binary or large_utf8, as the first vector column was a list, packed or JSON. NULLs and
/// offsets are understood; a NULL inside a list, a dictionary or a nested batch is refused. A NaN in a result is the canonical one.
///
/// The result is a batch of the same kind, for the caller to release: `hart_arrow_release` does, or its own callbacks. After a failure
/// both structures are released already. Where the kernel takes no columns, `input_schema` and `input` may be NULL.
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
        let read = [
            raw::input("input_schema", input_schema, usize::from(!input_schema.is_null()))?.span(),
            raw::input("input", input, usize::from(!input.is_null()))?.span(),
        ];
        raw::apart(&[schema_target.span(), target.span()], &read)?;
        // SAFETY: this function's premise. All zero is a released structure.
        unsafe {
            schema_target.write(std::mem::zeroed());
            target.write(std::mem::zeroed());
            let name = raw::text("kernel", kernel)?;
            let options = if options.is_null() { None } else { Some(raw::read(options)?) };
            if let Some(options) = options.filter(|options| options.reserved != 0) {
                return Err(Failure::Constant {
                    name: "HartInvokeOptions.reserved",
                    value: options.reserved.into(),
                    expected: "0".into(),
                });
            }
            let limit = options.map(|options| options.memory_limit).filter(|limit| *limit != 0);
            let given = raw::read_array(params, param_count)?;
            let given = given.iter().map(|param| parameter(param)).collect::<Result<Vec<_>, _>>()?;
            let (columns, rows) = arrow::import(input_schema, input)?;
            let (made, rows) = invoke::invoke(name, &columns, rows, given, limit)?;
            let (schema, array) = arrow::export(made, rows);
            schema_target.write(schema);
            target.write(array);
        }
        Ok(())
    })
}

/// # Safety
///
/// The parameter's pointers are NULL or point to what its kind says.
unsafe fn parameter(param: &HartParam) -> Result<(String, Value), Failure> {
    // SAFETY: this function's premise.
    let name = unsafe { raw::text("HartParam.name", param.name) }?;
    let bytes = || {
        let data = raw::input("HartParam.data", param.data.cast::<u8>(), param.length)?;
        // SAFETY: this function's premise.
        Ok::<_, Failure>(unsafe { data.slice::<'static>() })
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
        // SAFETY: this function's premise; a callback is called once, because it clears itself.
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
