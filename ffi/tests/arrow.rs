//! Batches from Arrow's own implementation for Rust, through `hart_invoke` and back into it.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char};
use std::sync::Arc;

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi, to_ffi};
use arrow_array::types::{Float32Type, Float64Type, Int32Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array,
    Int64Array, LargeBinaryArray, LargeListArray, LargeStringArray, ListArray, StringArray, StringViewArray,
    StructArray,
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field, Fields};
use hart_native::abi::{
    ArrowArray, ArrowSchema, HART_OK, HART_PARAM_TEXT, HART_STATUS_ARROW, HART_STATUS_LENGTH,
    HART_STATUS_OVERLAP, HartParam,
};
use hart_native::codes::HART_STATUS_PARAMETER_VALUE;
use hart_native::exports::invoke::hart_invoke;
use hart_native::exports::library::hart_last_error;

fn last_error() -> String {
    let mut text = [0 as c_char; 512];
    // SAFETY: as many writable bytes as said.
    unsafe { hart_last_error(text.as_mut_ptr(), text.len()) };
    text.iter().take_while(|c| **c != 0).map(|c| *c as u8 as char).collect()
}

fn element(name: &str) -> HartParam {
    words(c"element", name)
}

fn words(name: &'static CStr, value: &str) -> HartParam {
    HartParam {
        size: size_of::<HartParam>() as u32,
        kind: HART_PARAM_TEXT,
        name: name.as_ptr(),
        integer: 0,
        number: 0.0,
        data: value.as_ptr().cast(),
        length: value.len(),
    }
}

/// Runs a kernel on a batch as it lies.
fn invoke_raw(
    kernel: &str,
    schema: &FFI_ArrowSchema,
    array: &FFI_ArrowArray,
    params: &[HartParam],
) -> Result<StructArray, (i32, String)> {
    let name = CString::new(kernel).unwrap();
    let (mut schema_out, mut out) = (FFI_ArrowSchema::empty(), FFI_ArrowArray::empty());
    // SAFETY: live structures of the C data interface, and room for two more.
    let status = unsafe {
        hart_invoke(
            name.as_ptr(),
            (&raw const *schema).cast::<ArrowSchema>(),
            (&raw const *array).cast::<ArrowArray>(),
            params.as_ptr(),
            params.len(),
            std::ptr::null(),
            (&raw mut schema_out).cast::<ArrowSchema>(),
            (&raw mut out).cast::<ArrowArray>(),
        )
    };
    if status != HART_OK {
        assert!(out.is_released());
        return Err((status, last_error()));
    }
    // SAFETY: the library's result, which is a batch.
    Ok(unsafe { from_ffi(out, &schema_out) }.unwrap().into())
}

fn invoke(kernel: &str, batch: StructArray, params: &[HartParam]) -> Result<StructArray, (i32, String)> {
    let (array, schema) = to_ffi(&batch.into()).unwrap();
    invoke_raw(kernel, &schema, &array, params)
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> StructArray {
    let fields: Fields =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    StructArray::new(fields, columns.into_iter().map(|(_, array)| array).collect(), None)
}

const ROWS: usize = 12;

/// Vectors of three dimensions, with NULL in every fifth row.
fn vectors() -> LargeListArray {
    LargeListArray::from_iter_primitive::<Float32Type, _, _>(
        (0..ROWS).map(|i| (i % 5 != 4).then(|| (0..3).map(move |k| Some((i * 3 + k) as f32)))),
    )
}

#[test]
fn offsets_nulls_and_types_survive() {
    let there = |i: usize| i % 3 != 1;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from_iter_values(100..100 + ROWS as i64))),
        ("v", Arc::new(vectors())),
        ("flag", Arc::new(BooleanArray::from_iter((0..ROWS).map(|i| there(i).then_some(i % 2 == 0))))),
        ("word", Arc::new(StringArray::from_iter((0..ROWS).map(|i| there(i).then(|| "ä".repeat(i)))))),
        ("text", Arc::new(LargeStringArray::from_iter((0..ROWS).map(|i| Some(format!("{i}")))))),
        ("day", Arc::new(Date32Array::from_iter((0..ROWS as i32).map(Some)))),
        ("price", Arc::new(Decimal128Array::from_iter((0..ROWS as i128).map(Some)))),
        (
            "list",
            Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(
                (0..ROWS).map(|i| there(i).then(|| (0..i).map(|k| Some(k as f64)))),
            )),
        ),
    ];
    let fields: Fields = columns
        .iter()
        .map(|(name, array)| {
            let metadata =
                HashMap::from([("of".to_string(), (*name).to_string()), ("ü".into(), String::new())]);
            Field::new(*name, array.data_type().clone(), array.null_count() > 0).with_metadata(metadata)
        })
        .collect();
    let arrays: Vec<ArrayRef> = columns.iter().map(|(_, array)| array.clone()).collect();
    let whole = StructArray::new(fields.clone(), arrays, None);
    let (mut array, schema) = to_ffi(&whole.into()).unwrap();
    // Children that start at their second row, and a batch that starts at its third of those: rows 3 to 10.
    // SAFETY: the structures are the same; what they say of less rows is as true.
    unsafe {
        let batch = &mut *(&raw mut array).cast::<ArrowArray>();
        (batch.offset, batch.length) = (2, 8);
        for child in std::slice::from_raw_parts(batch.children, columns.len()) {
            ((**child).offset, (**child).length) = ((**child).offset + 1, (**child).length - 1);
        }
    }
    let result = invoke_raw("vector_norm", &schema, &array, &[]).unwrap();
    assert_eq!(result.len(), 8);
    let names: Vec<&str> = result.column_names();
    assert_eq!(names, ["id", "norm", "flag", "word", "text", "day", "price", "list"]);
    let norm =
        |i: usize| (i % 5 != 4).then(|| (0..3).map(|k| ((i * 3 + k) as f64).powi(2)).sum::<f64>().sqrt());
    let expected = Float64Array::from_iter((3..11).map(norm));
    assert_eq!(result.column(1).to_data(), expected.to_data());
    for (name, column) in columns.iter().filter(|(name, _)| *name != "v") {
        let found = result.column_by_name(name).unwrap();
        assert_eq!(found.to_data(), column.slice(3, 8).to_data(), "{name}");
        let field = |fields: &Fields| fields.find(name).map(|(_, field)| field.clone());
        assert_eq!(field(result.fields()), field(&fields), "{name}");
    }
}

#[test]
fn bits_beyond_what_the_interface_can_count_are_refused() {
    // A bitmap is an eighth of its rows, so that its size in bytes alone would pass.
    let flags = BooleanArray::from_iter((0..ROWS).map(|i| (i % 3 != 1).then_some(i % 2 == 0)));
    let overflow = "offset + length";
    let cases = [
        (true, i64::MAX, overflow),
        (true, i64::MAX - 3, overflow),
        (false, i64::MAX - 3, overflow),
        // Less, but no memory has an address there.
        (true, i64::MAX / 2, "do not fit the address space"),
    ];
    for (wrong_child, offset, expected) in cases {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("id", Arc::new(Int64Array::from_iter_values(0..ROWS as i64))),
            ("v", Arc::new(vectors())),
            ("flag", Arc::new(flags.clone())),
        ];
        let (mut array, schema) = to_ffi(&batch(columns).into()).unwrap();
        // SAFETY: the structures are the same; that what they say is wrong is what is tested.
        unsafe {
            let batch = &mut *(&raw mut array).cast::<ArrowArray>();
            let children = std::slice::from_raw_parts(batch.children, 3);
            let array = if wrong_child { &mut *children[2] } else { batch };
            array.offset = offset;
        }
        let (status, text) = invoke_raw("vector_norm", &schema, &array, &[]).unwrap_err();
        let status_expected = if expected == overflow { HART_STATUS_ARROW } else { HART_STATUS_LENGTH };
        assert!(status == status_expected && text.contains(expected), "{text}");
    }
}

#[test]
fn columns_with_the_names_of_results_get_other_names() {
    let ids = || Arc::new(Int64Array::from_iter_values(0..ROWS as i64)) as ArrayRef;
    let v = Arc::new(vectors()) as ArrayRef;
    let given = batch(vec![("id", ids()), ("v", v), ("Norm", ids()), ("input_Norm", ids())]);
    let result = invoke("vector_norm", given, &[]).unwrap();
    assert_eq!(result.column_names(), ["id", "norm", "input_input_Norm", "input_Norm"]);
}

#[test]
fn bytes_under_a_null_do_no_harm() {
    // Offsets 0, 4, 5, 9: the NULL in the middle has one byte, behind which no vector starts at an element.
    let values = [1u8, 0x3c, 2, 0x3c, 99, 3, 0x3c, 4, 0x3c];
    let offsets = OffsetBuffer::from_lengths([4, 1, 4]);
    let column = BinaryArray::new(offsets, values.to_vec().into(), Some(vec![true, false, true].into()));
    let run = |element_name: &str| {
        let columns: Vec<(&str, ArrayRef)> =
            vec![("id", Arc::new(Int64Array::from_iter_values(0..3))), ("v", Arc::new(column.clone()))];
        invoke("vector_norm", batch(columns), &[element(element_name)])
            .map(|result| result.column(1).to_data())
            .unwrap()
    };
    for (name, of) in [
        ("i8", (|b: &[u8]| b.iter().map(|v| f64::from(*v as i8)).collect()) as fn(&[u8]) -> Vec<f64>),
        ("f16", |b| b.chunks(2).map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f64()).collect()),
        ("f32", |b| b.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()).into()).collect()),
    ] {
        let norm = |bytes: &[u8]| {
            hart_kernels::vector::norm(&of(bytes).iter().map(|v| *v as f32).collect::<Vec<_>>())
        };
        let expected = [Some(norm(&values[..4])), None, Some(norm(&values[5..]))];
        assert_eq!(run(name), Float64Array::from_iter(expected).to_data(), "{name}");
    }
}

#[test]
fn columns_of_other_types_are_carried_and_refused_as_inputs() {
    let words = vec!["a"; ROWS];
    let inner: Vec<(&str, ArrayRef)> = vec![("x", Arc::new(Int64Array::from_iter_values(0..ROWS as i64)))];
    for (column, format) in [
        (
            Arc::new(words.iter().copied().collect::<DictionaryArray<Int32Type>>()) as ArrayRef,
            "format i with a dictionary",
        ),
        (Arc::new(StringViewArray::from(words.clone())), "format vu"),
        (Arc::new(batch(inner)), "format +s of l"),
        (
            Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(vec![Some(vec![None]); ROWS])),
            "a NULL among the elements of row 1",
        ),
    ] {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("id", Arc::new(Int64Array::from_iter_values(0..ROWS as i64))),
            ("v", Arc::new(vectors())),
            ("odd", column.clone()),
        ];
        let found = invoke("vector_norm", batch(columns), &[]).unwrap();
        assert_eq!(found.column_by_name("odd").unwrap().to_data(), column.to_data(), "{format}");
        let columns: Vec<(&str, ArrayRef)> =
            vec![("id", Arc::new(Int64Array::from_iter_values(0..ROWS as i64))), ("v", column)];
        let (status, text) = invoke("vector_norm", batch(columns), &[]).unwrap_err();
        assert_eq!(status, HART_STATUS_ARROW);
        assert!(text.starts_with(&format!("input column v: {format}; expected")), "{text}");
    }
}

#[test]
fn outputs_overlap_nothing_that_is_read() {
    let columns: Vec<(&str, ArrayRef)> =
        vec![("id", Arc::new(Int64Array::from(vec![1]))), ("v", Arc::new(vectors().slice(0, 1)))];
    let (array, schema) = to_ffi(&batch(columns).into()).unwrap();
    let (schema_in, array_in) =
        ((&raw const schema).cast::<ArrowSchema>(), (&raw const array).cast::<ArrowArray>());
    let mut other = FFI_ArrowArray::empty();
    let mut memory = [0u64; 32];
    let name = c"vector_norm".as_ptr();
    let mut params = [element("f32")];
    let mut fails = |params: &[HartParam], output: *mut ArrowSchema, part: &str| {
        // SAFETY: live structures; the output is memory that can be written.
        let status = unsafe {
            hart_invoke(
                name,
                schema_in,
                array_in,
                params.as_ptr(),
                params.len(),
                std::ptr::null(),
                output,
                (&raw mut other).cast(),
            )
        };
        assert_eq!(status, HART_STATUS_OVERLAP, "{part}");
        assert_eq!(last_error(), format!("output_schema overlaps {part}"));
    };
    // SAFETY: the batch lives.
    let child = unsafe { *(*schema_in).children };
    fails(&[], child, "a child of input_schema");
    // SAFETY: as above.
    let vector = unsafe { *(**(*schema_in).children.add(1)).children };
    fails(&[], vector, "a child of a schema");
    let place = memory.as_mut_ptr();
    params[0].data = place.cast_const().cast();
    params[0].kind = hart_native::abi::HART_PARAM_BYTES;
    params[0].length = 8;
    fails(&params, place.cast(), "HartParam.data");
    // Nothing of it has been written.
    assert_eq!(memory, [0; 32]);
    assert_eq!(schema.child(0).name(), Some("id"));
}

#[test]
fn empty_buffers_are_aligned() {
    let columns: Vec<(&str, ArrayRef)> =
        vec![("id", Arc::new(Int64Array::from(Vec::<i64>::new()))), ("v", Arc::new(vectors().slice(0, 0)))];
    let (array, schema) = to_ffi(&batch(columns).into()).unwrap();
    let (mut schema_out, mut out) = (FFI_ArrowSchema::empty(), FFI_ArrowArray::empty());
    // SAFETY: live structures, and room for two more.
    unsafe {
        let status = hart_invoke(
            c"vector_norm".as_ptr(),
            (&raw const schema).cast(),
            (&raw const array).cast(),
            std::ptr::null(),
            0,
            std::ptr::null(),
            (&raw mut schema_out).cast(),
            (&raw mut out).cast(),
        );
        assert_eq!(status, HART_OK, "{}", last_error());
        let batch = &*(&raw const out).cast::<ArrowArray>();
        for child in std::slice::from_raw_parts(batch.children, 2) {
            let buffers = std::slice::from_raw_parts((**child).buffers, (**child).n_buffers as usize);
            assert!(buffers.iter().all(|buffer| buffer.addr().is_multiple_of(8)), "{buffers:?}");
            assert!(!buffers[1].is_null());
        }
    }
}

#[test]
fn lists_come_back_as_large_lists() {
    // The data type of a result with lists is a large list, whose elements are not nullable.
    let columns: Vec<(&str, ArrayRef)> =
        vec![("id", Arc::new(Int64Array::from(vec![1, 2]))), ("v", Arc::new(vectors().slice(0, 2)))];
    let result = invoke("vector_normalize", batch(columns), &[]).unwrap();
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    assert_eq!(result.column(1).data_type(), &DataType::LargeList(item));
}

#[test]
fn result_vectors_are_written_as_asked() {
    let ids = || -> ArrayRef { Arc::new(Int64Array::from(vec![1, 2])) };
    let packed: Vec<u8> = [3f32, 4.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    let list =
        LargeListArray::from_iter_primitive::<Float32Type, _, _>([Some([Some(3f32), Some(4.0)]), None]);
    let inputs: [ArrayRef; 3] = [
        Arc::new(list),
        Arc::new(LargeBinaryArray::from_opt_vec(vec![Some(packed.as_slice()), None])),
        Arc::new(LargeStringArray::from(vec![Some("[3,4]"), None])),
    ];
    let unit: Vec<u8> = [0.6f32, 0.8].iter().flat_map(|v| v.to_le_bytes()).collect();
    let (binary, text): (ArrayRef, ArrayRef) = (
        Arc::new(LargeBinaryArray::from_opt_vec(vec![Some(unit.as_slice()), None])),
        Arc::new(LargeStringArray::from(vec![Some("[0.6,0.8]"), None])),
    );
    for input in inputs {
        let run = |params: &[HartParam]| {
            invoke("vector_normalize", batch(vec![("id", ids()), ("v", input.clone())]), params)
        };
        let asked = |value| run(&[words(c"Result_Vectors", value)]);
        assert_eq!(asked("packed").unwrap().column(1), &binary, "{:?}", input.data_type());
        assert_eq!(asked(" JSON").unwrap().column(1), &text, "{:?}", input.data_type());
        let is_list = |array: &ArrayRef| matches!(array.data_type(), DataType::LargeList(_));
        assert_eq!(is_list(run(&[]).unwrap().column(1)), is_list(&input));
        let (status, message) = asked("xml").unwrap_err();
        assert_eq!(status, HART_STATUS_PARAMETER_VALUE);
        assert_eq!(message, "parameter result_vectors is 'xml'; expected one of packed, json");
        let twice = [words(c"result_vectors", "json"), words(c"RESULT_VECTORS", "json")];
        let (_, message) = run(&twice).unwrap_err();
        assert_eq!(message, "parameter result_vectors is 'json'; expected to be given once");
    }
    // It is no parameter of a kernel: one without vectors takes it as well.
    let norms = invoke(
        "vector_norm",
        batch(vec![("id", ids()), ("v", Arc::new(vectors().slice(0, 2)))]),
        &[words(c"result_vectors", "json")],
    );
    assert_eq!(norms.unwrap().num_columns(), 2);
}
