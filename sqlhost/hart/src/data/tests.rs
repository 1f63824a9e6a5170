//! Written files read back the same, and files that are not what they claim to be are rejected in one line.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, anyhow};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int8Type, Int64Type, UInt8Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray,
    FixedSizeListArray, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array,
    LargeBinaryArray, LargeStringArray, ListArray, NullArray, RecordBatch, StringArray, StringViewArray,
    TimestampMicrosecondArray, TimestampNanosecondArray, UInt8Array,
};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::DataType;
use arrow_select::concat::concat_batches;
use tempfile::TempDir;

use super::table::{Look, draw};
use super::{Format, ReadOptions, Reader, Wanted, find, write};

fn open(path: &Path) -> Result<Reader> {
    super::open(path, &ReadOptions::default())
}

/// The columns with these names, which must be unique.
fn only(reader: Reader, names: &[&str]) -> Result<Reader> {
    let mut wanted = Vec::new();
    for name in names {
        let column = find(reader.schema(), name).map_err(|problem| anyhow!(problem))?;
        if !wanted.contains(&Wanted::Typed(column)) {
            wanted.push(Wanted::Typed(column));
        }
    }
    reader.only(&wanted)
}

/// A batch with every type that can be written, and NULLs in every column.
fn all_types() -> RecordBatch {
    let vector = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(
        [Some(vec![Some(0.1), Some(-2.5e-8)]), None, Some(vec![Some(f32::MAX), None])],
        2,
    );
    let list = ListArray::from_iter_primitive::<Float64Type, _, _>([
        Some(vec![Some(1.0), Some(f64::NAN), Some(5e-324)]),
        Some(vec![]),
        None,
    ]);
    let decimal =
        Decimal128Array::from(vec![Some(-1250), None, Some(1)]).with_precision_and_scale(20, 2).unwrap();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("i8", Arc::new(Int8Array::from(vec![Some(-128), None, Some(127)]))),
        ("i16", Arc::new(Int16Array::from(vec![Some(-32768), None, Some(1)]))),
        ("i32", Arc::new(Int32Array::from(vec![Some(i32::MIN), None, Some(1)]))),
        ("i64", Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(i64::MAX)]))),
        ("u8", Arc::new(UInt8Array::from(vec![Some(255), None, Some(0)]))),
        ("f32", Arc::new(Float32Array::from(vec![Some(0.1), None, Some(f32::INFINITY)]))),
        ("f64", Arc::new(Float64Array::from(vec![Some(0.1 + 0.2), None, Some(f64::NAN)]))),
        ("text", Arc::new(StringArray::from(vec![Some("a \"b\", c\r\nd"), None, Some("Zürich 東京")]))),
        ("large text", Arc::new(LargeStringArray::from(vec![Some("x"), None, Some("y\tz")]))),
        ("bytes", Arc::new(BinaryArray::from_opt_vec(vec![Some(&[0, 171, 255]), None, Some(&[7; 20])]))),
        ("large bytes", Arc::new(LargeBinaryArray::from_opt_vec(vec![Some(&[1]), None, Some(&[])]))),
        ("truth", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
        ("day", Arc::new(Date32Array::from(vec![Some(19_723), None, Some(0)]))),
        ("us", Arc::new(TimestampMicrosecondArray::from(vec![Some(1_704_067_200_000_001), None, Some(0)]))),
        (
            "ns",
            Arc::new(TimestampNanosecondArray::from(vec![Some(1_704_067_200_000_000_001), None, Some(0)])),
        ),
        ("decimal", Arc::new(decimal)),
        ("vector", Arc::new(vector)),
        ("list", Arc::new(list)),
        ("nothing", Arc::new(NullArray::new(3))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
        .unwrap()
}

/// A batch of one column.
fn one(name: &str, column: impl Array + 'static) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([(name, Arc::new(column) as ArrayRef, true)]).unwrap()
}

fn save(path: &Path, batch: &RecordBatch) -> u64 {
    write(path, &batch.schema(), [Ok(batch.clone())]).unwrap()
}

fn load(path: &Path) -> RecordBatch {
    let reader = open(path).unwrap();
    let schema = reader.schema().clone();
    let batches = reader.collect::<Result<Vec<_>>>().unwrap();
    concat_batches(&schema, &batches).unwrap()
}

/// The columns, compared by content: -0, NaN and NULL are distinguished.
fn assert_same(left: &RecordBatch, right: &RecordBatch) {
    assert_eq!(left.schema(), right.schema());
    assert_eq!(left.num_rows(), right.num_rows());
    for (field, (one, other)) in left.schema().fields().iter().zip(left.columns().iter().zip(right.columns()))
    {
        assert_eq!(one.to_data(), other.to_data(), "{}", field.name());
    }
}

/// The error from opening and reading the file, which must be one line that names the file.
fn refusal(path: &Path) -> String {
    let outcome = open(path).and_then(|reader| reader.collect::<Result<Vec<_>>>());
    let error = format!("{:#}", outcome.err().unwrap_or_else(|| anyhow!("{} was read", path.display())));
    assert!(!error.contains('\n'), "{error}");
    assert!(error.contains(path.file_name().unwrap().to_str().unwrap()), "{error}");
    error
}

fn folder() -> (TempDir, impl Fn(&str) -> PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().to_owned();
    (folder, move |name| path.join(name))
}

fn drawn(batch: &RecordBatch, look: Look) -> String {
    let mut out = Vec::new();
    draw(&mut out, batch.schema_ref(), &mut [Ok(batch.clone())].into_iter(), look).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn formats_go_by_the_extension_in_any_case() {
    for (name, format) in [
        ("a.parquet", Format::Parquet),
        ("a.b.Arrow", Format::Arrow),
        ("a.feather", Format::Arrow),
        ("a.ipc", Format::Arrow),
        ("a.CSV", Format::Csv),
        ("a.npy", Format::Npy),
        ("a.npz", Format::Npz),
        ("a.pq", Format::Parquet),
        ("a.tsv", Format::Csv),
        ("a.b.CSV.gz", Format::Csv),
        ("a.json", Format::Json),
    ] {
        assert_eq!(Format::of(Path::new(name)).unwrap(), format, "{name}");
    }
    let error = Format::of(Path::new("x/a.npy.gz")).unwrap_err().to_string();
    assert!(error.starts_with("x/a.npy.gz: unknown file extension .gz; known are .parquet,"), "{error}");
    let error = Format::of(Path::new("x/parquet")).unwrap_err().to_string();
    assert!(error.starts_with("x/parquet: the file name has no extension"), "{error}");
}

#[test]
fn parquet_and_arrow_keep_every_type() {
    let (_folder, path) = folder();
    let batch = all_types();
    for name in ["a.parquet", "a.arrow"] {
        assert_eq!(save(&path(name), &batch), 3);
        assert_same(&load(&path(name)), &batch);
    }
    assert_eq!(open(&path("a.parquet")).unwrap().rows(), Some(3));
}

#[test]
fn many_batches_stay_in_order() {
    let (_folder, path) = folder();
    let batches = (0..5).map(|part| one("n", Int64Array::from_iter_values(part * 9000..(part + 1) * 9000)));
    let schema = one("n", Int64Array::from(vec![0])).schema();
    for name in ["a.parquet", "a.arrow", "a.csv"] {
        let rows = write(&path(name), &schema, batches.clone().map(Ok)).unwrap();
        assert_eq!(rows, 45_000);
        assert!(open(&path(name)).unwrap().count() > 1, "{name} is read as a whole");
        let back = load(&path(name));
        assert!(back.column(0).as_primitive::<Int64Type>().values().iter().copied().eq(0..45_000), "{name}");
    }
}

#[test]
fn csv_spells_every_type() {
    let (_folder, path) = folder();
    save(&path("a.csv"), &all_types());
    let expected = concat!(
        "i8,i16,i32,i64,u8,f32,f64,text,large text,bytes,large bytes,truth,day,us,ns,decimal,vector,list,nothing\n",
        "-128,-32768,-2147483648,-9223372036854775808,255,0.1,0.30000000000000004,\"a \"\"b\"\", c\r\nd\",x,0x00ABFF,",
        "0x01,true,2024-01-01,2024-01-01T00:00:00.000001,2024-01-01T00:00:00.000000001,-12.50,\"[0.1,-2.5e-8]\",",
        "\"[1.0,null,5e-324]\",\n",
        ",,,,,,,,,,,,,,,,,[],\n",
        "127,1,1,9223372036854775807,0,inf,NaN,Zürich 東京,y\tz,0x0707070707070707070707070707070707070707,0x,false,",
        "1970-01-01,1970-01-01T00:00:00,1970-01-01T00:00:00,0.01,\"[3.4028235e+38,null]\",,\n",
    );
    assert_eq!(fs::read_to_string(path("a.csv")).unwrap(), expected);
}

#[test]
fn csv_reads_back_numbers_and_text() {
    let (_folder, path) = folder();
    let floats: Vec<f64> = vec![0.1 + 0.2, -0.0, 5e-324, f64::MAX, 1e21, 123456789.125, f64::NEG_INFINITY];
    let texts = ["plain", "a,b", "say \"hi\"", "two\nlines", "cr\r\nlf", " blanks ", "[0.5,1]"];
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("n", Arc::new(Int64Array::from_iter((0..7).map(|n| (n != 3).then_some(n - 3)))) as ArrayRef, true),
        ("odd \"name\", with\nall", Arc::new(Float64Array::from(floats)), true),
        ("text", Arc::new(StringArray::from_iter_values(texts)), true),
    ])
    .unwrap();
    save(&path("a.csv"), &batch);
    assert_same(&load(&path("a.csv")), &batch);
}

#[test]
fn csv_rows_of_one_null_are_not_lost() {
    let (_folder, path) = folder();
    let batch = one("t", StringArray::from(vec![None, Some("x"), None]));
    save(&path("a.csv"), &batch);
    assert_same(&load(&path("a.csv")), &batch);
}

#[test]
fn csv_of_other_programs() {
    let (_folder, path) = folder();
    fs::write(path("mark.csv"), b"\xef\xbb\xbfid,v\r\n1,\"[1,2]\"\r\n2,\r\n").unwrap();
    let batch = load(&path("mark.csv"));
    assert_eq!(batch.schema().field(0).name(), "id");
    assert_eq!(batch.column(0).as_primitive::<Int64Type>().values(), &[1, 2]);
    assert_eq!(batch.column(1).as_string::<i32>().value(0), "[1,2]");
    assert!(batch.column(1).is_null(1));

    // A column that is empty in the first rows is text, whatever comes later.
    let late = format!("a,b\n{}1,late\n", "1,\n".repeat(20_000));
    fs::write(path("late.csv"), late).unwrap();
    assert_eq!(load(&path("late.csv")).column(1).as_string::<i32>().value(20_000), "late");
}

#[test]
fn csv_that_is_none() {
    let (_folder, path) = folder();
    let refused = |content: &[u8]| {
        fs::write(path("a.csv"), content).unwrap();
        refusal(&path("a.csv"))
    };
    assert!(
        refused(b"").ends_with("expected a CSV file (UTF-8 text with a header line), found an empty file")
    );
    assert!(refused(b"\xff\xfea\0,\0b\0").ends_with("found UTF-16 text"));
    assert!(refused(b"a,b\0\x01").ends_with("found binary data"));
    assert!(refused(b"\n\n").contains("expected a header line, found none"));
    assert!(refused(b"1,2.5\n3,4\n").contains("expected a header line, found only numbers in line 1: 1,2.5"));
    let short = refused(b"a,b\n1,2\n3\n");
    assert!(
        short.contains("cannot read it as CSV")
            && short.ends_with("line 3: expected 2 fields, as in the header line, found 1")
    );
    let german = refused(b"a,b\n1,Mu\xdfe\n");
    assert!(
        german.contains("cannot read it as CSV") && german.ends_with("line 2: field 2 is no UTF-8 text"),
        "{german}"
    );
    let late = format!("a,b\n{}x,{}\n", "1,2\n".repeat(20_000), "9".repeat(5000));
    let error = refused(late.as_bytes());
    let expected = "cannot read the rows: Parser error: column `a`, row 20001: `x` is no whole number, as the first 10000 rows are";
    assert!(error.ends_with(expected), "{error}");
}

#[test]
fn json_spells_every_type() {
    let (_folder, path) = folder();
    save(&path("a.json"), &all_types());
    let text = fs::read_to_string(path("a.json")).unwrap();
    let expected = concat!(
        r#"{"i8":-128,"i16":-32768,"i32":-2147483648,"i64":-9223372036854775808,"u8":255,"f32":0.1,"#,
        r#""f64":0.30000000000000004,"text":"a \"b\", c\r\nd","large text":"x","bytes":"0x00ABFF","#,
        r#""large bytes":"0x01","truth":true,"day":"2024-01-01","us":"2024-01-01T00:00:00.000001","#,
        r#""ns":"2024-01-01T00:00:00.000000001","decimal":-12.50,"vector":[0.1,-2.5e-8],"#,
        r#""list":[1.0,null,5e-324],"nothing":null},"#,
    );
    assert_eq!(text.lines().nth(1), Some(expected));
    let rows: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[1]["list"], serde_json::json!([]));
    assert!(rows[1].as_object().unwrap().values().filter(|value| value.is_null()).count() == 18);
    assert!(rows[2]["f32"].is_null() && rows[2]["f64"].is_null());
    assert_eq!(rows[2]["i64"], serde_json::json!(i64::MAX));
    assert!(
        refusal(&path("a.json")).ends_with("can be written but not read; use Parquet, Arrow IPC, CSV or NPY")
    );
}

#[test]
fn empty_tables_keep_their_columns() {
    let (_folder, path) = folder();
    let schema = all_types().schema();
    for name in ["a.parquet", "a.arrow"] {
        assert_eq!(write(&path(name), &schema, []).unwrap(), 0);
        assert_same(&load(&path(name)), &RecordBatch::new_empty(schema.clone()));
    }
    write(&path("a.csv"), &schema, []).unwrap();
    assert_eq!(load(&path("a.csv")).num_rows(), 0);
    assert_eq!(load(&path("a.csv")).num_columns(), schema.fields().len());
    write(&path("a.json"), &schema, []).unwrap();
    assert_eq!(fs::read_to_string(path("a.json")).unwrap(), "[]\n");
}

#[test]
fn columns_are_chosen_by_name_in_the_order_asked_for() {
    let (_folder, path) = folder();
    let batch = all_types();
    for name in ["a.parquet", "a.arrow"] {
        save(&path(name), &batch);
        let mut reader = only(open(&path(name)).unwrap(), &["vector", "I8", "TEXT", "i8"]).unwrap();
        let expected = batch.project(&[16, 0, 7]).unwrap();
        assert_eq!(reader.schema(), &expected.schema());
        assert_same(&reader.next().unwrap().unwrap(), &expected);
        assert!(reader.next().is_none());
    }
    save(&path("a.csv"), &batch);
    let reader = only(open(&path("a.csv")).unwrap(), &["text", "i64"]).unwrap();
    let rows = reader.collect::<Result<Vec<_>>>().unwrap();
    assert_eq!(rows[0].column(0).as_string::<i32>().value(2), "Zürich 東京");
    assert_eq!(rows[0].column(1).as_primitive::<Int64Type>().value(2), i64::MAX);
}

#[test]
fn unknown_columns_are_told_with_the_known_ones() {
    let (_folder, path) = folder();
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    let vectors =
        FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>([Some(vec![Some(1.0), Some(2.0)])], 2);
    let batch = RecordBatch::try_from_iter([
        ("Name", texts.clone()),
        ("NAME", texts),
        ("embedding", Arc::new(vectors) as ArrayRef),
    ])
    .unwrap();
    save(&path("a.arrow"), &batch);
    let only = |name: &str| match only(open(&path("a.arrow")).unwrap(), &[name]) {
        Ok(reader) => reader.schema().field(0).name().clone(),
        Err(error) => error.to_string(),
    };
    assert_eq!(only("NAME"), "NAME");
    assert_eq!(
        only("embeding"),
        "no column is named `embeding`; did you mean `embedding`? The columns are: Name text, NAME text, \
         embedding float32[2]"
    );
    assert!(only("zzz").starts_with("no column is named `zzz`. The columns are: Name text,"));
    assert_eq!(only("name"), "the column name `name` fits more than one: Name text, NAME text");
}

#[test]
fn dictionaries_and_views_stay_and_are_texts_in_csv() {
    let (_folder, path) = folder();
    let dictionary: DictionaryArray<Int8Type> = vec![Some("a"), None, Some("a")].into_iter().collect();
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("d", Arc::new(dictionary) as ArrayRef, true),
        ("v", Arc::new(StringViewArray::from(vec![Some("b"), Some("c"), None])), true),
    ])
    .unwrap();
    for name in ["a.parquet", "a.arrow"] {
        save(&path(name), &batch);
        assert_same(&load(&path(name)), &batch);
    }
    save(&path("a.csv"), &batch);
    assert_eq!(fs::read_to_string(path("a.csv")).unwrap(), "d,v\na,b\n,c\na,\n");
}

#[test]
fn arrow_streams_are_read_too() {
    let (_folder, path) = folder();
    let batch = all_types();
    let mut writer =
        StreamWriter::try_new(fs::File::create(path("a.arrow")).unwrap(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    assert_same(&load(&path("a.arrow")), &batch);
    let mut reader = only(open(&path("a.arrow")).unwrap(), &["list", "i8"]).unwrap();
    assert_same(&reader.next().unwrap().unwrap(), &batch.project(&[17, 0]).unwrap());
}

#[test]
fn files_cut_off_anywhere_are_refused() {
    let (_folder, path) = folder();
    for name in ["a.parquet", "a.arrow"] {
        save(&path(name), &all_types());
        let whole = fs::read(path(name)).unwrap();
        for length in (0..whole.len()).step_by(7).chain([4, 8, 12, whole.len() - 1]) {
            fs::write(path(name), &whole[..length]).unwrap();
            let error = refusal(&path(name));
            let expected = match length {
                0 => "found an empty file",
                1..6 => "found ",
                _ => "it is cut off",
            };
            assert!(error.contains(expected), "{length} bytes: {error}");
        }
    }
}

/// Whatever a damaged byte does to the content, reading ends with rows or with an error.
#[test]
fn damaged_parquet_never_panics() {
    let (_folder, path) = folder();
    save(&path("a.parquet"), &all_types());
    let whole = fs::read(path("a.parquet")).unwrap();
    let mut refused = 0;
    for at in (4..whole.len() - 8).step_by(11) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xff;
        fs::write(path("a.parquet"), damaged).unwrap();
        refused +=
            usize::from(open(&path("a.parquet")).and_then(|rows| rows.collect::<Result<Vec<_>>>()).is_err());
    }
    assert!(refused > 50, "only {refused} were refused");
}

#[test]
fn files_of_another_kind_are_named() {
    let (_folder, path) = folder();
    let batch = one("n", Int64Array::from(vec![1]));
    let kinds = [("a.parquet", "a Parquet file"), ("a.arrow", "an Arrow IPC file"), ("a.csv", "text")];
    for (name, kind) in kinds {
        save(&path(name), &batch);
        for wrong in ["b.parquet", "b.arrow", "b.csv", "b.npy"] {
            if wrong[1..] != name[1..] {
                fs::copy(path(name), path(wrong)).unwrap();
                assert!(refusal(&path(wrong)).ends_with(&format!("found {kind}")), "{name} as {wrong}");
            }
        }
    }
    assert!(refusal(&path("none.csv")).starts_with("cannot open "));
    fs::create_dir(path("folder.csv")).unwrap();
    assert!(refusal(&path("folder.csv")).ends_with("the folder has no files"));
}

#[test]
fn a_failure_leaves_the_older_file_and_no_other() {
    let (folder, path) = folder();
    let batch = one("n", Int64Array::from(vec![1]));
    for name in ["a.parquet", "a.arrow", "a.csv", "a.json"] {
        save(&path(name), &batch);
        let before = fs::read(path(name)).unwrap();
        let error = write(&path(name), &batch.schema(), [Ok(batch.clone()), Err(anyhow!("row 7 is bad"))])
            .unwrap_err();
        assert!(format!("{error:#}").ends_with("row 7 is bad"), "{error:#}");
        assert_eq!(fs::read(path(name)).unwrap(), before);
    }
    assert!(write(&path("a.npy"), &batch.schema(), []).unwrap_err().to_string().contains("not written"));
    assert!(write(&path("no/folder/a.csv"), &batch.schema(), []).is_err());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
    save(&path("a.csv"), &one("n", Int64Array::from(vec![2])));
    assert_eq!(fs::read_to_string(path("a.csv")).unwrap(), "n\n2\n");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
}

/// A .npy file of version 1, padded as NumPy does it.
fn npy(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
    let fortran = if fortran { "True" } else { "False" };
    let header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
    let header = format!("{header:<117}\n");
    [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
}

#[test]
fn numpy_columns_of_every_type() {
    let (_folder, path) = folder();
    let read = |descr: &str, data: &[u8]| {
        fs::write(path("a.npy"), npy(descr, false, "(2,)", data)).unwrap();
        let batch = load(&path("a.npy"));
        assert_eq!(batch.schema().field(0).name(), "value");
        batch.column(0).clone()
    };
    let le = |a: f64, b: f64| [a.to_le_bytes(), b.to_le_bytes()].concat();
    assert_eq!(
        read("<f8", &le(0.5, f64::INFINITY)).as_primitive::<Float64Type>().values(),
        &[0.5, f64::INFINITY]
    );
    let be = [1.5f32.to_be_bytes(), (-2f32).to_be_bytes()].concat();
    assert_eq!(read(">f4", &be).as_primitive::<Float32Type>().values(), &[1.5, -2.0]);
    assert_eq!(read("<f2", &[0x00, 0x3c, 0x00, 0xc0]).as_primitive::<Float32Type>().values(), &[1.0, -2.0]);
    assert_eq!(read("|i1", &[1, 255]).as_primitive::<Int8Type>().values(), &[1, -1]);
    assert_eq!(read("|u1", &[1, 255]).as_primitive::<UInt8Type>().values(), &[1, 255]);
    assert_eq!(*read("<i2", &[1, 0, 255, 255]), Int16Array::from(vec![1, -1]));
    assert_eq!(*read("<u2", &[1, 0, 255, 255]), Int32Array::from(vec![1, 65535]));
    assert_eq!(*read("<i4", &[1, 0, 0, 0, 255, 255, 255, 255]), Int32Array::from(vec![1, -1]));
    assert_eq!(*read("<u4", &[1, 0, 0, 0, 255, 255, 255, 255]), Int64Array::from(vec![1, 4_294_967_295]));
    let longs = [7u64.to_le_bytes(), (i64::MAX as u64).to_le_bytes()].concat();
    assert_eq!(*read("<i8", &longs), Int64Array::from(vec![7, i64::MAX]));
    assert_eq!(*read("<u8", &longs), Int64Array::from(vec![7, i64::MAX]));
    assert_eq!(*read("|b1", &[0, 1]), BooleanArray::from(vec![false, true]));

    fs::write(path("a.npy"), npy("<u8", false, "(2,)", &[255; 16])).unwrap();
    assert!(
        refusal(&path("a.npy"))
            .contains("row 0: expected at most 9223372036854775807, found 1844674407370955161")
    );
}

#[test]
fn numpy_matrices_are_numbered_vectors() {
    let (_folder, path) = folder();
    let numbers: Vec<u8> = (0..30_000u32).flat_map(|n| (n as f32).to_le_bytes()).collect();
    fs::write(path("a.npy"), npy("<f4", false, "(10000, 3)", &numbers)).unwrap();
    assert_eq!(open(&path("a.npy")).unwrap().rows(), Some(10_000));
    let batch = load(&path("a.npy"));
    assert!(batch.column(0).as_primitive::<Int64Type>().values().iter().copied().eq(0..10_000));
    let vectors = batch.column(1).as_fixed_size_list();
    assert_eq!(vectors.value_length(), 3);
    assert_eq!(vectors.value(9_999).as_primitive::<Float32Type>().values(), &[29_997.0, 29_998.0, 29_999.0]);
    let only = only(open(&path("a.npy")).unwrap(), &["V"]).unwrap();
    assert_eq!(only.schema().fields().len(), 1);
    assert_eq!(only.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 10_000);

    fs::write(path("a.npy"), npy("|i1", false, "(0, 4)", &[])).unwrap();
    let batch = load(&path("a.npy"));
    assert_eq!(batch.num_rows(), 0);
    assert!(matches!(batch.schema().field(1).data_type(), DataType::FixedSizeList(item, 4)
        if *item.data_type() == DataType::Int8));
}

#[test]
fn numpy_files_that_do_not_fit() {
    let (_folder, path) = folder();
    let refused = |content: &[u8]| {
        fs::write(path("a.npy"), content).unwrap();
        refusal(&path("a.npy"))
    };
    let whole = npy("<f4", false, "(3, 2)", &[0; 24]);
    for length in (0..whole.len()).step_by(5).chain([7, 9, whole.len() - 1]) {
        let error = refused(&whole[..length]);
        assert!(length < 6 || error.contains("is cut off"), "{length} bytes: {error}");
    }
    assert!(
        refused(&[whole.clone(), vec![0]].concat())
            .contains("expected 24 bytes of numbers for the shape [3, 2]")
    );
    assert!(refused(&npy("<f4", true, "(3, 2)", &[0; 24])).contains("found Fortran order"));
    assert!(refused(&npy("<i4", false, "(3, 2)", &[0; 24])).contains("found the NumPy type <i4"));
    assert!(refused(&npy("<f4", false, "(1, 3, 2)", &[0; 24])).contains("found 3 dimensions [1, 3, 2]"));
    assert!(refused(&npy("<f4", false, "()", &[0; 4])).contains("found 0 dimensions"));
    assert!(refused(&npy("<f4", false, "(3, 0)", &[])).contains("found 0"));
    assert!(refused(&npy("<U5", false, "(1,)", &[0; 20])).contains("found the NumPy type <U5"));
    assert!(refused(&npy("|O", false, "(1,)", &[0; 20])).contains("found the NumPy type |O"));
    let huge = npy("<f8", false, "(18446744073709551615, 2147483647)", &[0; 8]);
    assert!(refused(&huge).contains("is cut off"));
    assert!(refused(&npy("<f4", false, "(-1,)", &[])).contains("a size of `-1`"));
    assert!(
        refused(&npy("<f4', 'shape': 7, 'x': '", false, "(1,)", &[])).contains("no shape in parentheses")
    );
}

#[test]
fn tables_are_aligned() {
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("id", Arc::new(Int64Array::from(vec![Some(1), Some(1000), None])) as ArrayRef, true),
        ("name", Arc::new(StringArray::from(vec!["東京", "a\n\u{1b}[1m", "é"])), true),
        ("score", Arc::new(Float64Array::from(vec![0.123456789, 12.0, -1e-9])), true),
        ("bytes", Arc::new(BinaryArray::from_vec(vec![&[1, 2], &[7; 9], &[]])), true),
    ])
    .unwrap();
    let expected = [
        "  id  name             score  bytes",
        "────  ────────────  ────────  ─────────────────────────────",
        "   1  東京          0.123457  0x0102",
        r"1000  a\n\u{1b}[1m        12  0x0707070707070707… (9 bytes)",
        "NULL  é                -1e-9  0x",
    ];
    assert_eq!(drawn(&batch, Look::default()).lines().collect::<Vec<_>>(), expected);
}

#[test]
fn tables_show_the_beginning_of_vectors() {
    let vectors = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(
        [Some((1..=5).map(|n| Some(n as f32 / 3.0)).collect::<Vec<_>>()), None],
        5,
    );
    let text = drawn(&one("v", vectors), Look::default());
    assert!(text.ends_with("\n[0.333333, 0.666667, 1, 1.33333, … (5 items)]\nNULL\n"), "{text}");
}

#[test]
fn tables_fit_the_terminal() {
    let long = "字".repeat(100);
    let batch = RecordBatch::try_from_iter([
        ("number", Arc::new(Int64Array::from(vec![i64::MIN])) as ArrayRef),
        ("short", Arc::new(StringArray::from(vec!["short"]))),
        ("long", Arc::new(StringArray::from(vec![long]))),
    ])
    .unwrap();
    let text = drawn(&batch, Look { width: Some(50), bold: true });
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("\u{1b}[1m") && lines[0].ends_with("\u{1b}[0m"), "{text}");
    assert_eq!(lines[2], format!("-9223372036854775808  short  {}…", "字".repeat(10)));
    assert_eq!(lines[1].chars().count(), 50);
    // Numbers are never cut, and text is not cut to nothing.
    let narrow = drawn(&batch, Look { width: Some(5), bold: false });
    assert_eq!(narrow.lines().nth(2), Some("-9223372036854775808  short  字字字…"));
}

#[test]
fn tables_round_to_six_digits() {
    let shown = [
        (0.0, "0"),
        (-0.5, "-0.5"),
        (1.0, "1"),
        (100.0, "100"),
        (0.1 + 0.2, "0.3"),
        (9.9999996, "10"),
        (123_456.7, "123457"),
        (999_999.6, "1e6"),
        (1_234_567.0, "1.23457e6"),
        (0.000_012_345_678, "0.0000123457"),
        (0.000_001_234_567_8, "1.23457e-6"),
        (f64::MAX, "1.79769e308"),
        (f64::NAN, "NaN"),
        (f64::NEG_INFINITY, "-inf"),
    ];
    let numbers = Float64Array::from_iter_values(shown.iter().map(|(number, _)| *number));
    let text = drawn(&one("x", numbers), Look::default());
    let cells: Vec<&str> = text.lines().skip(2).map(str::trim).collect();
    assert_eq!(cells, shown.map(|(_, text)| text));
}
