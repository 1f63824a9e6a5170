//! The picture of a factorization: singular values, and the error against the rank.

use std::path::Path;

use crate::model::Tensor;
use anyhow::{Result, anyhow};
use hart_kernels::tensor::Svd;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

use crate::plot::{COLOURS, Colour, GREY, rgb, save, shown_name};

/// Curves with their own colour and name; others are grey.
const NAMED: usize = COLOURS.len();

const WIDTH: u32 = 1160;
const PLOTS: u32 = 460;
/// A line of the legend.
const LINE: u32 = 20;
/// No more points than this are drawn of a curve.
const POINTS: usize = 400;
/// Singular values below this part of the largest are noise.
const NOISE: f64 = 1e-8;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// What is drawn of a matrix.
pub struct Curve {
    name: String,
    elements: usize,
    singular_values: Vec<f64>,
    /// The relative error with 0, 1, 2, … components.
    errors: Vec<f64>,
}

impl Curve {
    pub fn of(tensor: &Tensor, svd: &Svd) -> Curve {
        // All that is known, kept or not. What is left out with it is what is in none of them.
        let singular_values = [&svd.singular_values[..], &svd.further].concat();
        // Added up from the end, so that small errors are right.
        let mut errors = vec![if svd.further.is_empty() { svd.left_out } else { 0.0 }];
        for sigma in singular_values.iter().rev() {
            errors.push(errors[errors.len() - 1] + sigma * sigma);
        }
        errors.reverse();
        let relative =
            |square: &mut f64| *square = if svd.energy > 0.0 { (*square / svd.energy).sqrt() } else { 0.0 };
        errors.iter_mut().for_each(relative);
        Curve { name: tensor.name.clone(), elements: tensor.elements(), singular_values, errors }
    }
}

/// Writes the picture.
pub fn write(path: &Path, curves: &[Curve]) -> Result<()> {
    save(path, &draw(curves)?)
}

fn draw(curves: &[Curve]) -> Result<String> {
    // The largest get a name; they are drawn last, over the others.
    let mut order: Vec<&Curve> = curves.iter().collect();
    order.sort_by_key(|curve| std::cmp::Reverse(curve.elements));
    let named = order.len().min(NAMED);
    let grey = order.len() - named;
    let lines = (named.div_ceil(2) + usize::from(grey > 0)) as u32;
    let mut text = String::new();
    {
        let size = (WIDTH, PLOTS + lines * LINE + 16);
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        let failed = |e: DrawingAreaErrorKind<_>| anyhow!("cannot draw the picture: {e}");
        root.fill(&WHITE).map_err(failed)?;
        let (plots, legend) = root.split_vertically(PLOTS);
        let (left, right) = plots.split_horizontally(WIDTH / 2);
        let longest = order.iter().map(|curve| curve.singular_values.len()).max().unwrap_or(0).max(2) as f64;
        let values = || order.iter().flat_map(|curve| curve.singular_values.iter().copied());
        let top = values().fold(0.0, f64::max);
        let top = if top > 0.0 { top } else { 1.0 };
        let bottom = values().filter(|v| *v > top * NOISE).fold(top, f64::min).min(top / 2.0);

        let spectra: Vec<Vec<(f64, f64)>> = order
            .iter()
            .map(|curve| {
                let points = (1u32..).map(f64::from).zip(curve.singular_values.iter().copied());
                thin(points.filter(|(_, value)| *value >= bottom).collect())
            })
            .collect();
        let range = (bottom / 1.1..top * 1.1).log_scale();
        let axes = Axes { title: "Singular values", x: "component", y: "singular value (log)" };
        plot(&left, &axes, 1.0..longest, range, &power, &spectra).map_err(failed)?;

        let errors: Vec<Vec<(f64, f64)>> = order
            .iter()
            .map(|curve| thin((0u32..).map(f64::from).zip(curve.errors.iter().copied()).collect()))
            .collect();
        let axes = Axes { title: "Error against rank", x: "rank", y: "relative error (Frobenius)" };
        let decimal = |v: &f64| format!("{v:.1}");
        plot(&right, &axes, 0.0..longest, 0.0..1.0, &decimal, &errors).map_err(failed)?;

        for (n, curve) in order[..named].iter().enumerate() {
            let (column, line) = ((n % 2) as u32, (n / 2) as u32);
            label(&legend, column, line, COLOURS[n], &curve.name).map_err(failed)?;
        }
        if grey > 0 {
            label(&legend, 0, lines - 1, GREY, &format!("{grey} smaller ones")).map_err(failed)?;
        }
        root.present().map_err(failed)?;
    }
    Ok(text)
}

struct Axes {
    title: &'static str,
    x: &'static str,
    y: &'static str,
}

/// One plot: the curves in the order of their importance.
fn plot<'a, Y>(
    area: &Area<'a>,
    axes: &Axes,
    x: std::ops::Range<f64>,
    y: Y,
    y_label: &dyn Fn(&f64) -> String,
    curves: &[Vec<(f64, f64)>],
) -> Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>
where
    Y: AsRangedCoord<Value = f64>,
    Y::CoordDescType: ValueFormatter<f64>,
{
    let mut chart = ChartBuilder::on(area)
        .caption(axes.title, ("sans-serif", 18))
        .margin(14)
        .x_label_area_size(42)
        .y_label_area_size(64)
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(228, 228, 228))
        .label_style(("sans-serif", 13))
        .axis_desc_style(("sans-serif", 14))
        .x_labels(8)
        .y_labels(8)
        .x_label_formatter(&|v| format!("{v:.0}"))
        .y_label_formatter(y_label)
        .x_desc(axes.x)
        .y_desc(axes.y)
        .draw()?;
    for (n, points) in curves.iter().enumerate().rev() {
        let style = rgb(*COLOURS.get(n).unwrap_or(&GREY)).stroke_width(if n < NAMED { 2 } else { 1 });
        chart.draw_series(LineSeries::new(points.iter().copied(), style))?;
    }
    Ok(())
}

/// An entry of the legend.
fn label<'a>(
    area: &Area<'a>,
    column: u32,
    line: u32,
    colour: Colour,
    name: &str,
) -> Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>> {
    /// Characters that fit beside the next column.
    const LONGEST: usize = 66;
    let (x, y) = ((78 + column * (WIDTH / 2)) as i32, (line * LINE + LINE / 2) as i32);
    area.draw(&PathElement::new([(x - 30, y), (x - 8, y)], rgb(colour).stroke_width(3)))?;
    area.draw(&Text::new(shown_name(name, LONGEST), (x, y - 7), ("sans-serif", 13)))
}

/// Evenly chosen points, the first and the last among them.
fn thin(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    if points.len() <= POINTS {
        return points;
    }
    (0..POINTS).map(|n| points[n * (points.len() - 1) / (POINTS - 1)]).collect()
}

/// A number on the logarithmic axis.
fn power(value: &f64) -> String {
    if (0.001..10_000.0).contains(value) { format!("{value}") } else { format!("{value:e}") }
}
