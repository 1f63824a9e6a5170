//! Rows as an aligned table for human readers.

use std::io::Write;

use anyhow::Result;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::ArrowError;
use arrow_schema::{DataType, Schema};
use hart_sqlhost::hex;
use unicode_width::UnicodeWidthStr;

use super::{cell, in_cell, types};

/// No text column is cut below this width to fit the terminal.
const LEAST_WIDTH: usize = 8;

/// Items of a list, or bytes of binary data, that are shown.
const SHOWN_ITEMS: usize = 4;
const SHOWN_BYTES: usize = 8;

/// The number of rows that decide the widths.
const DECIDING_ROWS: usize = 10_000;

const GAP: &str = "  ";

/// The appearance of the table.
#[derive(Clone, Copy, Default)]
pub(super) struct Look {
    /// Maximum width in characters, if there is one.
    pub(super) width: Option<usize>,
    /// Whether the header is bold.
    pub(super) bold: bool,
}

/// Writes a header, a rule and the rows. The first rows decide the widths of the columns; only those are held.
pub(super) fn draw(
    out: &mut dyn Write,
    schema: &Schema,
    batches: &mut dyn Iterator<Item = Result<RecordBatch>>,
    look: Look,
) -> Result<()> {
    let names: Vec<String> = schema.fields().iter().map(|field| visible(field.name())).collect();
    let numeric: Vec<bool> = schema.fields().iter().map(|field| field.data_type().is_numeric()).collect();
    let mut widths: Vec<usize> = names.iter().map(|name| name.width()).collect();
    let mut first: Vec<Vec<String>> = Vec::new();
    let mut done = 0;
    while first.len() < DECIDING_ROWS
        && let Some(batch) = batches.next()
    {
        first.extend(cells(schema, &batch?, &mut done)?);
    }
    for row in &first {
        for (cell, width) in row.iter().zip(&mut widths) {
            *width = (*width).max(cell.width());
        }
    }
    if let Some(limit) = look.width {
        fit(&mut widths, &numeric, limit);
    }

    let header = line(&names, &widths, &numeric);
    if look.bold {
        writeln!(out, "\x1b[1m{header}\x1b[0m")?
    } else {
        writeln!(out, "{header}")?
    }
    let rules: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
    writeln!(out, "{}", rules.join(GAP))?;
    for row in first {
        writeln!(out, "{}", line(&row, &widths, &numeric))?;
    }
    for batch in batches {
        for row in cells(schema, &batch?, &mut done)? {
            // Without a limit on the line, nothing is cut.
            if look.width.is_none() {
                widths.iter_mut().zip(&row).for_each(|(width, cell)| *width = (*width).max(cell.width()));
            }
            writeln!(out, "{}", line(&row, &widths, &numeric))?;
        }
    }
    Ok(())
}

/// The cells of a batch, row by row; `done` rows preceded it.
fn cells(schema: &Schema, batch: &RecordBatch, done: &mut u64) -> Result<Vec<Vec<String>>> {
    let columns = batch.columns().iter().map(types::plain).collect::<Result<Vec<_>, _>>()?;
    let mut rows = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        let cell = |(number, column): (usize, &ArrayRef)| {
            shown(column, row).map_err(|e| in_cell(schema, number, *done, &e))
        };
        rows.push(columns.iter().enumerate().map(cell).collect::<Result<Vec<_>>>()?);
        *done += 1;
    }
    Ok(rows)
}

/// Narrows the widest columns, except those of numbers, until a line is no longer than `limit`.
fn fit(widths: &mut [usize], numeric: &[bool], limit: usize) {
    let gaps = GAP.len() * widths.len().saturating_sub(1);
    let total = |cap: usize| -> usize {
        let capped =
            widths.iter().zip(numeric).map(|(width, fixed)| if *fixed { *width } else { cap.min(*width) });
        capped.sum::<usize>() + gaps
    };
    // The largest cap that fits; a cap above the limit is useless.
    let cap =
        (LEAST_WIDTH..=limit.max(LEAST_WIDTH)).rev().find(|cap| total(*cap) <= limit).unwrap_or(LEAST_WIDTH);
    for (width, fixed) in widths.iter_mut().zip(numeric) {
        if !fixed {
            *width = cap.min(*width);
        }
    }
}

/// The cells of one line, numbers right-aligned, without trailing blanks.
fn line(cells: &[String], widths: &[usize], numeric: &[bool]) -> String {
    let mut line = String::new();
    for (number, ((cell, width), right)) in cells.iter().zip(widths).zip(numeric).enumerate() {
        line.push_str(if number == 0 { "" } else { GAP });
        let cell = cut(cell, *width);
        let blanks = " ".repeat(width.saturating_sub(cell.width()));
        if *right {
            line.push_str(&blanks);
        }
        line.push_str(&cell);
        if !*right {
            line.push_str(&blanks);
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// The text, or its beginning and … if it is wider than that.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut end = 0;
    for (at, character) in text.char_indices() {
        let next = at + character.len_utf8();
        if text[..next].width() + 1 > width {
            break;
        }
        end = next;
    }
    format!("{}…", &text[..end])
}

/// A value in the form that the table shows.
fn shown(column: &ArrayRef, row: usize) -> Result<String, ArrowError> {
    if cell::is_null(column, row) {
        return Ok("NULL".to_owned());
    }
    Ok(match column.data_type() {
        DataType::Float16 => significant(column.as_primitive::<Float16Type>().value(row).to_f64()),
        DataType::Float32 => significant(column.as_primitive::<Float32Type>().value(row).into()),
        DataType::Float64 => significant(column.as_primitive::<Float64Type>().value(row)),
        _ => {
            if let Some(bytes) = cell::bytes(column, row) {
                let mut text = String::new();
                text.push_str(&hex::literal(&bytes[..bytes.len().min(SHOWN_BYTES)]));
                if bytes.len() > SHOWN_BYTES {
                    text.push_str(&format!("… ({} bytes)", bytes.len()));
                }
                text
            } else if let Some(items) = cell::list(column, row) {
                let first = (0..items.len().min(SHOWN_ITEMS)).map(|item| shown(&items, item));
                let mut text = first.collect::<Result<Vec<_>, _>>()?.join(", ");
                if items.len() > SHOWN_ITEMS {
                    text.push_str(&format!(", … ({} items)", items.len()));
                }
                format!("[{text}]")
            } else {
                visible(&cell::text(column, row)?)
            }
        }
    })
}

/// Control characters would break the table's lines or control the terminal, so they are escaped.
fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() { out.extend(character.escape_default()) } else { out.push(character) }
    }
    out
}

/// The number with up to six significant digits.
fn significant(number: f64) -> String {
    if !number.is_finite() || number == 0.0 {
        return number.to_string();
    }
    // Rounding first decides the exponent: 9.999999 becomes 10.
    let scientific = format!("{number:.5e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |digits: &str| match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => digits.to_owned(),
    };
    match exponent {
        -5..=5 => trim(&format!("{number:.*}", (5 - exponent) as usize)),
        _ => format!("{}e{exponent}", trim(digits)),
    }
}
