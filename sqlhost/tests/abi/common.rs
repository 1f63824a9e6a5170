//! The extension under test, and columns and parameters to feed it.
#![allow(dead_code)]

use std::sync::LazyLock;

use hart_kernels::registry::{Cell, Kernel, Kind, ParamKind};
use hart_sqlhost::columns::{CType, Field, LARGE_OBJECT};
use hart_sqlhost::convert::ParamField;
use hart_sqlhost::local::{Extension, HostColumn, find_library};

/// One for the whole process, because a library that is loaded twice is still one library.
pub static EXTENSION: LazyLock<Extension> = LazyLock::new(|| {
    let program = std::env::current_exe().unwrap();
    let library = find_library(program.parent().unwrap()).unwrap();
    Extension::load(&library, "threads=2").unwrap()
});

/// How vectors travel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Encoding {
    Raw,
    Char,
    WChar,
}

pub fn field(name: &str, ctype: CType) -> Field {
    let size = ctype.fixed_size().map_or(LARGE_OBJECT, |s| s as u64);
    Field { name: name.into(), ctype, size, digits: 0, partition: false }
}

pub fn param(name: &str, ctype: CType, value: Option<&[u8]>) -> ParamField {
    let size = ctype.fixed_size().map_or(LARGE_OBJECT, |s| s as u64);
    ParamField { name: name.into(), ctype, size, digits: 0, value: value.map(<[u8]>::to_vec), output: false }
}

pub fn column(ctype: CType, values: &[Option<Vec<u8>>]) -> HostColumn {
    let mut out = HostColumn { ctype, bytes: Vec::new(), indicators: Vec::new() };
    for value in values {
        match value {
            Some(value) => {
                out.bytes.extend(value);
                out.indicators.push(value.len() as i32);
            }
            None => {
                // A NULL slot of fixed width holds rubbish.
                out.bytes.extend(vec![0xEE; ctype.fixed_size().unwrap_or(0)]);
                out.indicators.push(-1);
            }
        }
    }
    out
}

pub fn ids(values: &[i64]) -> HostColumn {
    column(CType::BigInt, &values.iter().map(|v| Some(v.to_le_bytes().to_vec())).collect::<Vec<_>>())
}

pub fn packed(values: &[f32]) -> Vec<u8> {
    bytemuck::cast_slice(values).to_vec()
}

pub fn text(values: &[f32]) -> String {
    format!("[{}]", values.iter().map(|v| format!("{v:.7e}")).collect::<Vec<_>>().join(","))
}

pub fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Type and bytes of an example's value.
pub fn encode(cell: &Cell, kind: Kind, encoding: Encoding) -> (CType, Option<Vec<u8>>) {
    let ctype = match (kind, encoding) {
        (Kind::Id | Kind::BigInt, _) => CType::BigInt,
        (Kind::Binary | Kind::Point, _) => CType::Binary,
        (Kind::Float, _) => CType::Double,
        (Kind::Int, _) => CType::Int,
        (Kind::Vector, Encoding::Raw) => CType::Binary,
        (Kind::Vector, Encoding::WChar) => CType::WChar,
        (Kind::Vector | Kind::Text | Kind::LongText, _) => CType::Char,
    };
    let bytes = match *cell {
        Cell::Null => None,
        Cell::Int(v) if ctype == CType::Int => Some((v as i32).to_le_bytes().to_vec()),
        Cell::Int(v) => Some(v.to_le_bytes().to_vec()),
        Cell::Float(v) => Some(v.to_le_bytes().to_vec()),
        Cell::Text(v) => Some(v.as_bytes().to_vec()),
        Cell::Binary(v) => Some(v.to_vec()),
        Cell::Vector(v) if kind == Kind::Binary => Some(packed(v)),
        Cell::Vector(v) => Some(match encoding {
            Encoding::Raw => packed(v),
            Encoding::Char => text(v).into_bytes(),
            Encoding::WChar => utf16(&text(v)),
        }),
    };
    (ctype, bytes)
}

/// The SQL type of a declared column, vectors being packed.
pub fn ctype_of(kind: Kind) -> CType {
    encode(&Cell::Null, kind, Encoding::Raw).0
}

/// The example's parameters as a T-SQL caller would pass them.
pub fn example_params(kernel: &Kernel, encoding: Encoding) -> Vec<ParamField> {
    let params = kernel.example.params.iter().map(|(name, cell)| {
        let declared = kernel.params.iter().find(|p| p.name == *name).map(|p| p.kind);
        let kind = match cell {
            Cell::Vector(_) | Cell::Binary(_) if declared == Some(ParamKind::Binary) => Kind::Binary,
            Cell::Vector(_) => Kind::Vector,
            Cell::Int(_) => Kind::Id,
            Cell::Float(_) => Kind::Float,
            _ => Kind::Text,
        };
        let (ctype, value) = encode(cell, kind, encoding);
        param(name, ctype, value.as_deref())
    });
    params.collect()
}

/// The rows of a column as separate values.
pub fn values(ctype: CType, bytes: &[u8], indicators: &[i32]) -> Vec<Option<Vec<u8>>> {
    let mut at = 0;
    let read = indicators.iter().map(|length| {
        let step = ctype.fixed_size().unwrap_or((*length).max(0) as usize);
        let value = &bytes[at..at + step];
        at += step;
        (*length >= 0).then(|| value.to_vec())
    });
    read.collect()
}
