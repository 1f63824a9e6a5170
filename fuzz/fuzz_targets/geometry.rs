//! Spatial values from any bytes and any text: an error, or a value that comes back the same from what it is written as.
#![no_main]

use hart_kernels::spatial::geometry::wkt::{self, Dialect};
use hart_kernels::spatial::geometry::{Geometry, Shape, SpatialType, interchange, series, wkb};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((first, bytes)) = input.split_first() else { return };
    match first % 4 {
        0 => stored(bytes, SpatialType::Geometry),
        1 => stored(bytes, SpatialType::Geography),
        2 => {
            if let Ok((_, shape)) = wkb::read_extended(bytes) {
                let written = wkb::write(&shape).expect("what was read can be written");
                let again = wkb::read(&written).expect("our own bytes");
                // SQL Server writes a point without a place as several of them, and so do we.
                let expected = if matches!(shape, Shape::Point(None)) {
                    Shape::MultiPoint(Vec::new())
                } else {
                    shape.clone()
                };
                assert_same(&again, &expected);
                through_the_server(shape);
            }
        }
        _ => {
            let text = String::from_utf8_lossy(bytes);
            if let Ok((_, shape)) = wkt::read_extended(&text, Dialect::SqlServer) {
                let written = wkt::write(&shape).expect("what was read can be written");
                assert_same(&wkt::read(&written).expect("our own text"), &shape);
                through_the_server(shape);
            }
            if let Ok(shape) = wkt::read_iso(&text) {
                // ISO has no word for the whole globe, nor for a Z or M that is infinite or that some positions lack.
                if let Ok(written) = wkt::write_iso(&shape) {
                    assert_same(&wkt::read_iso(&written).expect("our own text"), &shape);
                }
            }
        }
    }
});

/// Bytes as the server stores them.
fn stored(bytes: &[u8], kind: SpatialType) {
    // Series are read from the same bytes, and may be refused.
    let _ = series::decode(bytes);
    let Ok(Some(value)) = Geometry::decode(bytes, kind) else { return };
    // Written are only those that the server knows.
    let value = Geometry { srid: 4326, ..value };
    let written = value.encode(kind).expect("what was read can be written");
    let again = Geometry::decode(&written, kind).expect("our own bytes").expect("a value");
    assert_eq!(
        (again.srid, again.valid, again.larger_than_hemisphere),
        (value.srid, value.valid, value.larger_than_hemisphere)
    );
    assert_same(&again.shape, &value.shape);
    // Text has no word for an infinite Z or M.
    if let Ok(written) = wkt::write(&value.shape) {
        assert_same(&wkt::read(&written).expect("our own text"), &value.shape);
    }
    let written = wkb::write(&value.shape).expect("all shapes have WKB");
    wkb::read(&written).expect("our own bytes");
    let _ = interchange::to_geo(&value.shape);
}

/// What other formats can say and the server can store comes back from it.
fn through_the_server(shape: Shape) {
    let kind = if shape == Shape::FullGlobe { SpatialType::Geography } else { SpatialType::Geometry };
    let value = Geometry::new(4326, shape);
    let bytes = value.encode(kind).expect("what was read can be stored");
    let again = Geometry::decode(&bytes, kind).expect("our own bytes").expect("a value");
    assert_same(&again.shape, &value.shape);
}

/// The same shape with the same numbers. NaN in Z or M is as good as none, and −0 as 0.
fn assert_same(a: &Shape, b: &Shape) {
    assert_eq!(numbers(a), numbers(b));
    assert_eq!(a.name(), b.name());
    // Where the parts of a curve begin and end, which its numbers do not say.
    if a.has_curves()
        && let (Ok(a), Ok(b)) = (wkt::write(a), wkt::write(b))
    {
        assert_eq!(a, b);
    }
}

fn numbers(shape: &Shape) -> Vec<[Option<u64>; 4]> {
    let mut out = Vec::new();
    let bits = |v: f64| Some(v).filter(|v| !v.is_nan()).map(|v| (v + 0.0).to_bits());
    shape.for_each(&mut |p| out.push([bits(p.x), bits(p.y), p.z.and_then(bits), p.m.and_then(bits)]));
    out
}
