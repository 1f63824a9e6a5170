//! Colours for the values of a column.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

use crate::data::{cell, types};
use crate::plot::{COLOURS, Colour, GREY};

/// More distinct numbers than this are shown on a scale.
const FEW: usize = COLOURS.len();
/// The scale from the least to the greatest number, dark to light.
const SCALE: [Colour; 5] = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];

/// A colour per row, and the meaning of the colours.
pub struct Coloured {
    pub rows: Vec<Colour>,
    pub legend: Vec<(Colour, String)>,
}

/// A colour per row and the meaning of the colours. Many distinct numbers are shown on a scale; otherwise the most
/// frequent values have colours, and all others are grey.
pub fn of(name: &str, column: &ArrayRef) -> Result<Coloured> {
    let column = &types::plain(column)?;
    let text = |row: usize| -> Result<Option<String>> {
        let text = (!cell::is_null(column, row)).then(|| cell::text(column, row)).transpose();
        text.with_context(|| {
            format!("column {name} of type {} cannot be shown in colours", column.data_type())
        })
    };
    let texts = (0..column.len()).map(text).collect::<Result<Vec<_>>>()?;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for text in texts.iter().flatten() {
        *counts.entry(text).or_default() += 1;
    }
    if column.data_type().is_numeric() && counts.len() > FEW {
        return scale(name, column);
    }
    let mut order: Vec<(&str, usize)> = counts.into_iter().collect();
    order.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let others = order.split_off(order.len().min(FEW));
    let colour_of: BTreeMap<&str, Colour> = order.iter().map(|o| o.0).zip(COLOURS).collect();
    let colour =
        |text: &Option<String>| text.as_deref().and_then(|text| colour_of.get(text)).copied().unwrap_or(GREY);
    let mut legend: Vec<(Colour, String)> =
        order.iter().zip(COLOURS).map(|((text, count), c)| (c, format!("{text} ({count})"))).collect();
    if !others.is_empty() {
        let count: usize = others.iter().map(|o| o.1).sum();
        legend.push((GREY, format!("{} others ({count})", others.len())));
    }
    let missing = texts.iter().filter(|text| text.is_none()).count();
    if missing > 0 {
        legend.push((GREY, format!("NULL ({missing})")));
    }
    Ok(Coloured { rows: texts.iter().map(colour).collect(), legend })
}

fn scale(name: &str, column: &ArrayRef) -> Result<Coloured> {
    let numbers = types::exact(column, &DataType::Float64)?;
    let numbers = numbers.as_primitive::<Float64Type>();
    let finite = || numbers.iter().flatten().filter(|v| v.is_finite());
    let (least, most) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    let colour = |value: Option<f64>| match value.filter(|v| v.is_finite()) {
        // Halved, because the difference of two finite numbers may overflow.
        Some(value) if most > least => at((value / 2.0 - least / 2.0) / (most / 2.0 - least / 2.0)),
        Some(_) => SCALE[0],
        None => GREY,
    };
    let step = |n: usize| {
        let part = n as f64 / (SCALE.len() - 1) as f64;
        (SCALE[n], format!("{name} = {:.6}", least * (1.0 - part) + most * part))
    };
    Ok(Coloured { rows: numbers.iter().map(colour).collect(), legend: (0..SCALE.len()).map(step).collect() })
}

/// The colour at a position of the scale, from 0 to 1.
fn at(place: f64) -> Colour {
    let last = SCALE.len() - 1;
    let place = (place * last as f64).clamp(0.0, last as f64);
    let from = (place as usize).min(last - 1);
    let part = place - from as f64;
    std::array::from_fn(|i| {
        let (a, b) = (f64::from(SCALE[from][i]), f64::from(SCALE[from + 1][i]));
        (a + part * (b - a)).round() as u8
    })
}
