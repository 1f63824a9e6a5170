//! Draws numbers as SVG: plots of curves and points side by side, over a shared legend.

use std::io::Write;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

/// A colour as red, green and blue.
pub type Colour = [u8; 3];

/// Easily distinguished colours.
pub const COLOURS: [Colour; 9] = [
    [31, 119, 180],
    [255, 127, 14],
    [44, 160, 44],
    [214, 39, 40],
    [148, 103, 189],
    [140, 86, 75],
    [227, 119, 194],
    [188, 189, 34],
    [23, 190, 207],
];
/// For everything without its own colour.
pub const GREY: Colour = [190, 190, 190];

/// A plot with its labels.
const WIDTH: u32 = 580;
const HEIGHT: u32 = 500;
/// Approximate ratio of width to height of the area between the axes.
pub const ASPECT: f64 = 1.2;
/// Height of a legend line, and the number of its entries per plot.
const LINE: u32 = 20;
const ENTRIES: usize = 2;
/// Maximum characters of an entry that fit beside the next one.
const LONGEST: usize = 34;

/// The content of a plot.
pub enum Marks {
    /// Curves, each in its colour; later ones are drawn over earlier ones.
    Curves(Vec<(Colour, Vec<(f64, f64)>)>),
    /// Points, each in its colour.
    Points(Vec<(Colour, (f64, f64))>),
}

/// Axes and their content.
pub struct Plot {
    pub title: String,
    /// Labels of x and y.
    pub labels: [String; 2],
    pub x: Range<f64>,
    pub y: Range<f64>,
    /// Whether the x axis is logarithmic.
    pub logarithmic: bool,
    pub marks: Marks,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn<'a> = Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

/// Checks that a picture can be written there, before the work is done rather than after.
pub fn check(path: &Path) -> Result<()> {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    ensure!(
        extension.as_deref() == Some("svg"),
        "--svg {}: expected a name that ends with .svg",
        path.display()
    );
    crate::data::check(path, "--svg")
}

/// Writes the plots, two per line, and a legend below.
pub fn write(path: &Path, plots: &[Plot], legend: &[(Colour, String)]) -> Result<()> {
    save(path, &draw(plots, legend)?)
}

/// Writes a finished picture.
pub fn save(path: &Path, text: &str) -> Result<()> {
    crate::data::whole(path, |file| {
        file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
    })
}

fn draw(plots: &[Plot], legend: &[(Colour, String)]) -> Result<String> {
    let across = plots.len().clamp(1, 2);
    let down = plots.len().div_ceil(across);
    let height = down as u32 * HEIGHT;
    let entries = across * ENTRIES;
    let size = (across as u32 * WIDTH, height + legend.len().div_ceil(entries) as u32 * LINE + 16);
    let mut text = String::new();
    {
        let failed = |e: DrawingAreaErrorKind<_>| anyhow!("cannot draw the picture: {e}");
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        root.fill(&WHITE).map_err(failed)?;
        let (top, bottom) = root.split_vertically(height);
        for (plot, area) in plots.iter().zip(top.split_evenly((down, across))) {
            if plot.logarithmic {
                on_axes(&area, plot, plot.x.clone().log_scale()).map_err(failed)?;
            } else {
                on_axes(&area, plot, plot.x.clone()).map_err(failed)?;
            }
        }
        for (n, (colour, name)) in legend.iter().enumerate() {
            entry(&bottom, n % entries, n / entries, *colour, name).map_err(failed)?;
        }
        root.present().map_err(failed)?;
    }
    Ok(text)
}

fn on_axes<'a, X>(area: &Area<'a>, plot: &Plot, x: X) -> Drawn<'a>
where
    X: AsRangedCoord<Value = f64>,
    X::CoordDescType: ValueFormatter<f64>,
{
    let mut chart = ChartBuilder::on(area)
        .caption(&plot.title, ("sans-serif", 18))
        .margin(14)
        .x_label_area_size(42)
        .y_label_area_size(64)
        .build_cartesian_2d(x, plot.y.clone())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(228, 228, 228))
        .label_style(("sans-serif", 13))
        .axis_desc_style(("sans-serif", 14))
        .x_labels(8)
        .y_labels(8)
        .x_label_formatter(&|value| number(*value, plot.x.end - plot.x.start))
        .y_label_formatter(&|value| number(*value, plot.y.end - plot.y.start))
        .x_desc(&plot.labels[0])
        .y_desc(&plot.labels[1])
        .draw()?;
    match &plot.marks {
        Marks::Curves(curves) => {
            for (colour, points) in curves {
                let style = rgb(*colour).stroke_width(2);
                chart.draw_series(LineSeries::new(points.iter().copied(), style))?;
            }
        }
        Marks::Points(points) => {
            let dot = |(colour, point): &(Colour, (f64, f64))| {
                Circle::new(*point, 2, rgb(*colour).mix(0.7).filled())
            };
            chart.draw_series(points.iter().map(dot))?;
        }
    }
    Ok(())
}

fn entry<'a>(area: &Area<'a>, column: usize, line: usize, colour: Colour, name: &str) -> Drawn<'a> {
    let x = 78 + column as i32 * (WIDTH as usize / ENTRIES - 20) as i32;
    let y = line as i32 * LINE as i32 + LINE as i32 / 2;
    area.draw(&Rectangle::new([(x - 22, y - 5), (x - 8, y + 5)], rgb(colour).filled()))?;
    area.draw(&Text::new(shown_name(name, LONGEST), (x, y - 7), ("sans-serif", 13)))
}

/// A name for a legend: at most `longest` characters, without those that XML cannot hold.
pub fn shown_name(name: &str, longest: usize) -> String {
    let mut name = name.replace(|c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'), "\u{fffd}");
    if let Some((cut, _)) = name.char_indices().nth(longest) {
        name.truncate(cut);
        name.push('…');
    }
    name
}

/// The same for the library that draws.
pub fn rgb([r, g, b]: Colour) -> RGBColor {
    RGBColor(r, g, b)
}

/// A number on an axis of that length, without the digits left by accumulated rounding.
fn number(value: f64, length: f64) -> String {
    let size = if value.abs() < 1e-9 * length { 0.0 } else { value.abs() };
    if size != 0.0 && !(1e-4..1e6).contains(&size) {
        return format!("{value:.1e}");
    }
    let text = format!("{:.5}", size.copysign(value));
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}
