//! Projection, curve keys and GEOMETRY bytes of many points.
#![allow(unsafe_code)]

use hart_kernels::spatial::curve::{Grid, Outside};
use hart_kernels::spatial::geometry::SpatialType;
use hart_kernels::spatial::geometry::points::{self, Points};
use hart_kernels::spatial::{Basis, hilbert, project_into};
use hart_kernels::{Error, Place};

use crate::abi::{HART_OUTSIDE_CLAMP, HART_OUTSIDE_ERROR, HART_SPATIAL_GEOGRAPHY, HART_SPATIAL_GEOMETRY};
use crate::failure::{Failure, guard};
use crate::handles::named;
use crate::{raw, state};

/// Projects vectors on a basis: row_count · axes coordinates, row-major, in double precision. The number of axes goes to `axes`, also
/// where `capacity` numbers are too few (`HART_STATUS_CAPACITY`). Same bits on every machine.
///
/// `basis`: `basis_bytes` bytes as the kernel `spatial_fit` gives them. `rows`: row_count · dimensions singles, row-major; dimensions
/// must be the basis's. `coordinates`: room for `capacity` numbers.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_spatial_project_f32(
    basis: *const u8,
    basis_bytes: usize,
    rows: *const f32,
    row_count: usize,
    dimensions: usize,
    coordinates: *mut f64,
    capacity: usize,
    axes: *mut usize,
) -> i32 {
    guard(|| {
        let basis = raw::input("basis", basis, basis_bytes)?;
        let rows = raw::matrix("rows", rows, row_count, dimensions)?;
        let target = raw::output("coordinates", coordinates, capacity)?;
        let axes = raw::output("axes", axes, 1)?;
        raw::apart(&[target.span(), axes.span()], &[basis.span(), rows.span()])?;
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or touches
        // what is written during the call.
        let (basis, rows, target) = unsafe {
            let basis = Basis::from_bytes(basis.slice())?;
            axes.write(basis.axes());
            (basis, rows.slice(), target.slice())
        };
        if dimensions != basis.dimension() {
            return Err(Error::Dimensions {
                place: "rows".into(),
                row: 0,
                found: dimensions,
                other: Place::whole("the basis"),
                expected: basis.dimension(),
            }
            .into());
        }
        let needed = raw::product::<f64>("coordinates", row_count, basis.axes())?;
        let Some(target) = target.get_mut(..needed) else {
            return Err(Failure::Capacity { name: "coordinates", capacity, needed });
        };
        let vectors = named("rows", rows, dimensions)?;
        Ok(state::run(|| project_into(&basis, &vectors, false, target))?)
    })
}

/// Keys of points on Skilling's Hilbert curve through a box of 2^bits cells along each axis.
///
/// `x`, `y`, `z`: `count` numbers each. `min`, `max`: the corners of the box, three numbers each. `bits`: 1 to 21. `outside`:
/// `HART_OUTSIDE_…`. `keys`: room for `count` keys, from 0 up to 2^(3 · bits) − 1.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_spatial_hilbert(
    x: *const f64,
    y: *const f64,
    z: *const f64,
    count: usize,
    min: *const f64,
    max: *const f64,
    bits: u32,
    outside: i32,
    keys: *mut i64,
) -> i32 {
    guard(|| {
        let (x, y, z) = (raw::input("x", x, count)?, raw::input("y", y, count)?, raw::input("z", z, count)?);
        let (min, max) = (raw::input("min", min, 3)?, raw::input("max", max, 3)?);
        let target = raw::output("keys", keys, count)?;
        raw::apart(&[target.span()], &[x.span(), y.span(), z.span(), min.span(), max.span()])?;
        let outside = match outside {
            HART_OUTSIDE_ERROR => Outside::Error,
            HART_OUTSIDE_CLAMP => Outside::Clamp,
            value => {
                return Err(Failure::Constant {
                    name: "outside",
                    value: value.into(),
                    expected: "HART_OUTSIDE_ERROR or HART_OUTSIDE_CLAMP".into(),
                });
            }
        };
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or touches
        // what is written during the call.
        let (x, y, z, min, max, target) =
            unsafe { (x.slice(), y.slice(), z.slice(), min.slice(), max.slice(), target.slice()) };
        let grid = Grid::new([min[0], min[1], min[2]], [max[0], max[1], max[2]], bits, outside)?;
        Ok(state::run(|| hilbert::keys_into(&grid, x, y, z, target))?)
    })
}

/// Serializes points in the format of MS-SSCLRT, that of SQL Server's `geometry` and `geography`: back to back, 22 bytes each, 8 more
/// where there is z, 8 more where there is m. The bytes of one point go to `stride`, also where `capacity` bytes are too few (`HART_STATUS_CAPACITY`).
///
/// `x`, `y`, `z`, `m`: `count` numbers each, the last two NULL where the points have none. `srid`: the spatial reference, such as 0 or
/// 4326. `kind`: `HART_SPATIAL_…`. `out`: room for `capacity` bytes.
///
/// # Safety
///
/// The pointers are NULL or point to as many elements as said; nobody writes what is read, or touches what is written, during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hart_spatial_encode_points(
    x: *const f64,
    y: *const f64,
    z: *const f64,
    m: *const f64,
    count: usize,
    srid: i32,
    kind: i32,
    out: *mut u8,
    capacity: usize,
    stride: *mut usize,
) -> i32 {
    guard(|| {
        let optional = |pointer: *const f64| if pointer.is_null() { 0 } else { count };
        let (has_z, has_m) = (!z.is_null(), !m.is_null());
        let (x, y) = (raw::input("x", x, count)?, raw::input("y", y, count)?);
        let (z, m) = (raw::input("z", z, optional(z))?, raw::input("m", m, optional(m))?);
        let target = raw::output("out", out, capacity)?;
        let stride = raw::output("stride", stride, 1)?;
        raw::apart(&[target.span(), stride.span()], &[x.span(), y.span(), z.span(), m.span()])?;
        let kind = match kind {
            HART_SPATIAL_GEOMETRY => SpatialType::Geometry,
            HART_SPATIAL_GEOGRAPHY => SpatialType::Geography,
            value => {
                return Err(Failure::Constant {
                    name: "kind",
                    value: value.into(),
                    expected: "HART_SPATIAL_GEOMETRY or HART_SPATIAL_GEOGRAPHY".into(),
                });
            }
        };
        // SAFETY: the caller guarantees as many elements as it says, and that nobody writes what is read or touches
        // what is written during the call.
        let (points, target) = unsafe {
            let points = Points {
                x: x.slice(),
                y: y.slice(),
                z: has_z.then(|| z.slice()),
                m: has_m.then(|| m.slice()),
            };
            stride.write(points.stride());
            (points, target.slice())
        };
        let needed = raw::product::<u8>("out", count, points.stride())?;
        let Some(target) = target.get_mut(..needed) else {
            return Err(Failure::Capacity { name: "out", capacity, needed });
        };
        Ok(state::run(|| points::encode(points, srid, kind, target))?)
    })
}
