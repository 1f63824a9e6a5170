//! The exported functions, called as no host should: out of order, out of range, with null pointers.
//!
//! One test, because the functions share the state of the process.
#![allow(unsafe_code)]

use std::ptr::{null, null_mut};
use std::sync::Mutex;

use hart_sqlhost::exports::*;
use hart_sqlhost::sys::*;

static EVENTS: Mutex<Vec<(u16, i32, String)>> = Mutex::new(Vec::new());

unsafe extern "C" fn log_event(
    name: *const u8,
    name_length: u64,
    _: SqlGuid,
    _: u16,
    level: u16,
    code: i32,
    message: *const u8,
    length: u64,
) {
    // SAFETY: the extension passes texts of these lengths.
    let text =
        |p, n| unsafe { String::from_utf8(std::slice::from_raw_parts(p, n as usize).to_vec()).unwrap() };
    assert_eq!(text(name, name_length), "hart");
    EVENTS.lock().unwrap().push((level, code, text(message, length)));
}

const ID: SqlGuid = SqlGuid { data1: 1, data2: 2, data3: 3, data4: [4; 8] };

fn open(id: SqlGuid, task: u16, script: &str, columns: u16, params: u16) -> i16 {
    let length = script.len() as u64;
    // SAFETY: the script is valid for its length.
    unsafe { InitSession(id, task, 1, script.as_ptr(), length, columns, params, null(), 0, null(), 0) }
}

fn column(number: u16, name: &str, code: i16) -> i16 {
    // SAFETY: the name is valid for its length.
    unsafe { InitColumn(ID, 0, number, name.as_ptr(), name.len() as i16, code, 8, 0, 1, -1, -1) }
}

fn int_param(number: u16, name: &str, value: *const i32, direction: i16) -> i16 {
    let length = name.len() as i16;
    // SAFETY: name and value are valid, or the value is null and the callee must refuse it.
    unsafe {
        InitParam(ID, 0, number, name.as_ptr(), length, -16, 4, 0, value.cast_mut().cast(), 0, direction)
    }
}

fn execute(rows: u64, data: &[SqlPointer], indicators: &[*mut i32]) -> (i16, u16) {
    let mut count = 77;
    // SAFETY: one pointer for each column.
    let code = unsafe { Execute(ID, 0, rows, data.as_ptr(), indicators.as_ptr(), &mut count) };
    (code, count)
}

#[test]
fn misuse_is_refused_and_nothing_is_lost() {
    // Before Init.
    assert_eq!(GetInterfaceVersion(), 2);
    assert_eq!(open(ID, 0, "vector_norm", 0, 0), SQL_ERROR);
    let mut callbacks = HostCallbacks {
        version: 1,
        reserved0: 0,
        size_in_bytes: 0,
        log_xevent: Some(log_event),
        reserved1: null_mut(),
        reserved2: null_mut(),
    };
    // SAFETY: the structure is valid.
    assert_eq!(unsafe { SetHostCallbacks(&callbacks) }, SQL_ERROR);

    let init = |text: &[u8]| {
        // SAFETY: the text is valid for its length.
        unsafe { Init(text.as_ptr(), text.len() as u64, null(), 0, null(), 0, null(), 0) }
    };
    assert_eq!(init(b"threads=none"), SQL_ERROR);
    assert_eq!(init(b"\xff\xfe"), SQL_ERROR);
    // SAFETY: null with length 0 is allowed, null with a length must be refused.
    unsafe {
        assert_eq!(Init(null(), 3, null(), 0, null(), 0, null(), 0), SQL_ERROR);
        assert_eq!(Init(null(), 0, null(), 0, null(), 0, null(), 0), SQL_SUCCESS);
    }
    assert_eq!(GetInterfaceVersion(), 2);
    assert_eq!(init(b""), SQL_ERROR, "once, until Cleanup");
    assert_eq!(Cleanup(), SQL_SUCCESS);
    assert_eq!(init(b"interface_version=3\0"), SQL_SUCCESS);
    assert_eq!(GetInterfaceVersion(), 3);

    // Callbacks: null, version 0, a later version, opted out, good.
    // SAFETY: null or a valid structure.
    unsafe {
        assert_eq!(SetHostCallbacks(null()), SQL_ERROR);
        callbacks.version = 0;
        assert_eq!(SetHostCallbacks(&callbacks), SQL_ERROR);
        callbacks.log_xevent = None;
        callbacks.version = 9;
        assert_eq!(SetHostCallbacks(&callbacks), SQL_SUCCESS);
        callbacks.log_xevent = Some(log_event);
        callbacks.size_in_bytes = 8;
        assert_eq!(SetHostCallbacks(&callbacks), SQL_ERROR, "too small for the function");
        callbacks.size_in_bytes = 32;
        assert_eq!(SetHostCallbacks(&callbacks), SQL_SUCCESS);
    }

    // Sessions.
    assert_eq!(open(ID, 0, "no_such_kernel", 2, 0), SQL_ERROR);
    let (level, code, message) = EVENTS.lock().unwrap().pop().unwrap();
    assert_eq!((level, code), (2, 2));
    assert_eq!(
        message,
        "hart: unknown kernel `no_such_kernel`; docs/KERNELS.md and `hart list` have all names [hart error 2]"
    );
    // SAFETY: null for a script of 5 bytes must be refused.
    unsafe { assert_eq!(InitSession(ID, 0, 1, null(), 5, 0, 0, null(), 0, null(), 0), SQL_ERROR) };
    assert_eq!(open(ID, 0, "vector_norm", 2, 1), SQL_SUCCESS);
    assert_eq!(open(ID, 0, "vector_norm", 2, 1), SQL_ERROR, "already open");
    assert_eq!(open(ID, 1, "vector_norm", 2, 1), SQL_SUCCESS, "another task is another session");
    assert_eq!(CleanupSession(ID, 1), SQL_SUCCESS);
    assert_eq!(CleanupSession(ID, 1), SQL_SUCCESS, "unknown sessions close too");

    // Columns and parameters.
    assert_eq!(column(2, "x", -2), SQL_ERROR, "out of range");
    assert_eq!(column(0, "id", 12345), SQL_ERROR, "unknown type");
    assert_eq!(execute(0, &[null_mut(); 2], &[null_mut(); 2]), (SQL_ERROR, 0), "columns are missing");
    assert_eq!(column(0, "id", -25), SQL_SUCCESS);
    assert_eq!(column(0, "id", -25), SQL_ERROR, "twice");
    // SAFETY: a null name, and a negative length, must be refused.
    unsafe {
        assert_eq!(InitColumn(ID, 0, 1, null(), 3, -2, 8, 0, 1, -1, -1), SQL_ERROR);
        assert_eq!(InitColumn(ID, 0, 1, b"v".as_ptr(), -3, -2, 8, 0, 1, -1, -1), SQL_ERROR);
        assert_eq!(InitColumn(ID, 7, 1, b"v".as_ptr(), 1, -2, 8, 0, 1, -1, -1), SQL_ERROR, "no such task");
    }
    // SAFETY: a null name, even of length 0, must be refused.
    unsafe { assert_eq!(InitColumn(ID, 0, 1, null(), 0, -2, 8, 0, 1, -1, -1), SQL_ERROR) };
    assert_eq!(column(1, "v\0", -2), SQL_SUCCESS, "a terminator that is counted");
    assert_eq!(int_param(1, "@rows_in", &0, 2), SQL_ERROR, "out of range");
    assert_eq!(int_param(0, "@rows_in", null(), 2), SQL_ERROR, "no value");
    let (mut rows_number, mut data, mut indicators) = (9u64, null_mut(), null_mut());
    // SAFETY: the out pointers are valid.
    unsafe {
        assert_eq!(
            GetResults(ID, 0, &mut rows_number, &mut data, &mut indicators),
            SQL_ERROR,
            "before Execute"
        );
        assert_eq!(rows_number, 0, "outputs are written all the same");
    }
    assert_eq!(int_param(0, "@rows_in", &0, 2), SQL_SUCCESS);

    // Execute.
    let (mut ids, mut vectors) = ([1i64, 2], [3f32, 4.0, 5.0]);
    // A fixed type's indicator may be 0 although there is a value.
    let (mut id_lengths, mut vector_lengths) = ([0i32, 8], [8i32, 4]);
    let columns: [SqlPointer; 2] = [ids.as_mut_ptr().cast(), vectors.as_mut_ptr().cast()];
    let lengths = [id_lengths.as_mut_ptr(), vector_lengths.as_mut_ptr()];
    // SAFETY: a null pointer for the count must be refused.
    unsafe {
        assert_eq!(Execute(ID, 0, 2, columns.as_ptr(), lengths.as_ptr(), null_mut()), SQL_ERROR);
        let mut count = 0;
        assert_eq!(Execute(ID, 0, 2, null(), lengths.as_ptr(), &mut count), SQL_ERROR, "rows without data");
        assert_eq!(Execute(ID, 0, u64::MAX, columns.as_ptr(), lengths.as_ptr(), &mut count), SQL_ERROR);
        assert_eq!(Execute(ID, 0, 0, null(), null(), &mut count), SQL_SUCCESS, "no rows, no pointers");
        assert_eq!(count, 2);
    }
    let mut negative = [-7i32, 4];
    assert_eq!(execute(2, &columns, &[lengths[0], negative.as_mut_ptr()]), (SQL_ERROR, 0));
    assert!(EVENTS.lock().unwrap().last().unwrap().2.contains("indicator -7 in row 1"));
    // SAFETY: the out pointers are valid.
    unsafe {
        assert_eq!(
            GetResults(ID, 0, &mut rows_number, &mut data, &mut indicators),
            SQL_ERROR,
            "after a failure"
        )
    };
    assert_eq!(
        execute(2, &columns, &[null_mut(), null_mut()]),
        (SQL_SUCCESS, 2),
        "vectors without indicators are NULL"
    );
    assert_eq!(execute(2, &columns, &lengths), (SQL_SUCCESS, 2));
    assert_eq!(column(0, "id", -25), SQL_ERROR, "after Execute");

    // Results.
    let (mut data_type, mut size, mut digits, mut nullable) = (0, 0, 0, 0);
    // SAFETY: the out pointers are valid, or null and must be refused.
    unsafe {
        let mut describe =
            |n| GetResultColumn(ID, 0, n, &mut data_type, &mut size, &mut digits, &mut nullable);
        assert_eq!(describe(2), SQL_ERROR);
        assert_eq!(describe(1), SQL_SUCCESS);
        assert_eq!((data_type, size, digits, nullable), (8, 8, 0, 1));
        assert_eq!(GetResultColumn(ID, 0, 1, null_mut(), null_mut(), null_mut(), null_mut()), SQL_ERROR);
        assert_eq!(GetResults(ID, 0, &mut rows_number, null_mut(), &mut indicators), SQL_ERROR);
        assert_eq!(GetResults(ID, 0, &mut rows_number, &mut data, &mut indicators), SQL_SUCCESS);
        assert_eq!(rows_number, 2);
        let norms = std::slice::from_raw_parts((*data.add(1)).cast::<f64>(), 2);
        assert_eq!(norms, [5.0, 5.0]);
        let ids = std::slice::from_raw_parts((*data).cast::<i64>(), 2);
        assert_eq!(ids, [1, 2]);
        let (first_data, first_indicators) = (data, indicators);
        assert_eq!(GetResults(ID, 0, &mut rows_number, &mut data, &mut indicators), SQL_SUCCESS);
        assert_eq!((data, indicators), (first_data, first_indicators), "asked again, the same");
    }

    // OUTPUT parameters and telemetry.
    let (mut value, mut length) = (null_mut(), 0);
    let (mut names, mut name_lengths, mut counters, mut count) = (null_mut(), null_mut(), null_mut(), 0);
    // SAFETY: the out pointers are valid.
    unsafe {
        assert_eq!(GetOutputParam(ID, 0, 1, &mut value, &mut length), SQL_ERROR);
        assert_eq!(length, -1);
        assert_eq!(GetOutputParam(ID, 0, 0, &mut value, &mut length), SQL_SUCCESS);
        assert_eq!((length, *value.cast::<i32>()), (4, 4));
        let code = GetTelemetryResults(ID, 0, &mut count, &mut names, &mut name_lengths, &mut counters);
        assert_eq!((code, count), (SQL_SUCCESS, 3));
        let first = std::slice::from_raw_parts(*names, *name_lengths as usize);
        assert_eq!((first, *counters), (&b"hart_rows_in"[..], 4));
    }

    // Asked for often, a value stays where it is.
    let first = value;
    for _ in 0..1000 {
        // SAFETY: the out pointers are valid.
        let code = unsafe { GetOutputParam(ID, 0, 0, &mut value, &mut length) };
        assert_eq!((code, value), (SQL_SUCCESS, first));
    }

    // A failure leaves no results of the chunk before, wherever it comes from.
    let claimed = 1u64 << 57;
    let failures: [(&str, u64, *const SqlPointer, *mut u16); 3] = [
        ("no data", 2, null(), &mut 0),
        ("no room for the count", 2, columns.as_ptr(), null_mut()),
        ("rows that no memory holds", claimed, columns.as_ptr(), &mut 0),
    ];
    for (what, rows, columns_of, count_of) in failures {
        assert_eq!(execute(2, &columns, &lengths), (SQL_SUCCESS, 2));
        // SAFETY: what is missing or claimed must be refused before anything is read.
        unsafe {
            assert_eq!(Execute(ID, 0, rows, columns_of, lengths.as_ptr(), count_of), SQL_ERROR, "{what}");
            let code = GetResults(ID, 0, &mut rows_number, &mut data, &mut indicators);
            assert_eq!((code, rows_number), (SQL_ERROR, 0), "{what}");
        }
    }
    let refused = EVENTS.lock().unwrap().iter().rev().find(|(_, code, _)| *code == 12).cloned().unwrap().2;
    assert!(
        refused.starts_with(&format!("hart: vector_norm: a chunk of {claimed} rows would take")),
        "{refused}"
    );
    assert!(refused.contains("; max_memory_mb or HART_MAX_MEMORY_MB sets it [hart error 12]"), "{refused}");

    // Libraries.
    let (mut error, mut error_length) = (null_mut(), 5);
    // SAFETY: the texts are valid for their lengths, the out pointers for writes.
    unsafe {
        let code = InstallExternalLibrary(
            ID,
            b"lib".as_ptr(),
            3,
            null(),
            0,
            null(),
            0,
            &mut error,
            &mut error_length,
        );
        assert_eq!((code, error.is_null(), error_length), (SQL_ERROR, true, 0));
        assert!(EVENTS.lock().unwrap().last().unwrap().2.contains("library `lib`"));
        let code = UninstallExternalLibrary(ID, b"lib".as_ptr(), 3, null(), 0, &mut error, &mut error_length);
        assert_eq!(code, SQL_SUCCESS);
        assert_eq!(UninstallExternalLibrary(ID, null(), 0, null(), 0, null_mut(), null_mut()), SQL_SUCCESS);
    }

    // The end.
    assert_eq!(CleanupSession(ID, 0), SQL_SUCCESS);
    assert_eq!(execute(2, &columns, &lengths), (SQL_ERROR, 0), "closed");
    assert_eq!(Cleanup(), SQL_SUCCESS);
    let events = EVENTS.lock().unwrap().len();
    assert_eq!(open(ID, 0, "vector_norm", 0, 0), SQL_ERROR, "before Init again");
    assert_eq!(EVENTS.lock().unwrap().len(), events, "the callbacks are forgotten");
    assert_eq!(init(b""), SQL_SUCCESS);
    assert_eq!(Cleanup(), SQL_SUCCESS);
}
