//! The picture of search over codes: milliseconds by the number of queries.

use std::path::Path;

use plotters::prelude::*;

use super::{Measured, Result};

/// What a line shows: whose time, at how many dimensions, in which colour.
const LINES: [(&str, u32, RGBColor); 4] = [
    ("hart", 1998, RGBColor(0, 90, 181)),
    ("hart, codes", 1998, RGBColor(220, 50, 32)),
    ("hart", 384, RGBColor(108, 160, 214)),
    ("hart, codes", 384, RGBColor(240, 150, 130)),
];
const INPUT: &str = "1 thread";

/// Queries and milliseconds of a contestant.
fn points(all: &[Measured], who: &str, dimensions: u32) -> Vec<(f64, f64)> {
    let begin = format!("codes, {dimensions} dimensions, cosine, ");
    let point = |m: &Measured| {
        let queries = m.group.strip_prefix(&begin)?.strip_suffix(" queries")?.parse().ok()?;
        (m.who == who && m.input == INPUT).then_some((queries, m.nanoseconds / 1e6))
    };
    let mut points: Vec<(f64, f64)> = all.iter().filter_map(point).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}

/// Draws it, unless the bench `codes` was not run.
pub(super) fn codes(all: &[Measured], path: &Path) -> Result<()> {
    let lines =
        LINES.map(|(who, dimensions, colour)| (who, dimensions, colour, points(all, who, dimensions)));
    let times: Vec<f64> = lines.iter().flat_map(|line| &line.3).map(|point| point.1).collect();
    let (Some(least), Some(most)) =
        (times.iter().copied().min_by(f64::total_cmp), times.iter().copied().max_by(f64::total_cmp))
    else {
        return Ok(());
    };
    let area = SVGBackend::new(path, (720, 440)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption("The 10 nearest of 100,000, cosine, one thread", ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d((1f64..300.0).log_scale(), (least / 2.0..most * 2.0).log_scale())?;
    chart.configure_mesh().x_desc("queries").y_desc("milliseconds").disable_mesh().draw()?;
    for (who, dimensions, colour, points) in lines {
        let style = colour.stroke_width(2);
        chart
            .draw_series(LineSeries::new(points, style).point_size(3))?
            .label(format!("{who}, {dimensions} dimensions"))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    }
    // Loops of the C libraries over one query.
    for (peer, place) in [("simsimd", -6), ("numkong", 6)] {
        for (queries, milliseconds) in points(all, peer, 1998) {
            let label = format!("{peer}, 1998 dimensions");
            chart.draw_series([EmptyElement::at((queries, milliseconds))
                + Circle::new((0, 0), 4, BLACK)
                + Text::new(label, (8, place - 6), ("sans-serif", 11))])?;
        }
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .border_style(BLACK)
        .background_style(WHITE)
        .draw()?;
    area.present()?;
    Ok(())
}
