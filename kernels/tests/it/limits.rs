//! Arguments at the ends of their types: an error or an answer, no panic and no endless work.

use hart_kernels::registry::PackedBytes;
use hart_kernels::spatial::geometry::{Geometry, SpatialType, wkb};
use hart_kernels::spatial::{self, Basis, curve::Grid, curve::Outside, ranges};
use hart_kernels::tensor::quant::PayloadType;
use hart_kernels::tensor::{Svd, SvdMethod, SvdOptions, reconstruct, svd};
use hart_kernels::vector::batch;
use hart_kernels::{Element, Error, PackedVectors, Pool, TopK, Vectors};

#[test]
fn shapes_that_overflow_are_refused() {
    for dimensions in [0, (1 << 62) + 1, usize::MAX] {
        let error = Vectors::matrix(&[1.0, 2.0], dimensions).unwrap_err().to_string();
        assert!(error.contains("dimensions") && error.contains(&dimensions.to_string()), "{error}");
    }
    let none =
        Svd { rows: usize::MAX, columns: 2, singular_values: vec![], u: vec![], v: vec![], ..Svd::default() };
    assert!(matches!(reconstruct(&none), Err(Error::Memory { .. })));
    let wide = Svd { rows: 1 << 31, columns: 1 << 31, ..none };
    assert!(matches!(reconstruct(&wide), Err(Error::Memory { .. })));
    assert!(PayloadType::Q4_0.elements(18 * (usize::MAX / 18)).is_err());
    batch::dot_product(&[], &[], usize::MAX, &mut []).unwrap();
    let all = svd(&[1.0, 0.0, 0.0, 1.0], 2, 2, &SvdOptions::default()).unwrap();
    assert_eq!(all.cumulative(usize::MAX), 1.0);
}

#[test]
fn work_without_end_is_refused() {
    let mut options = SvdOptions::default().rank(1).method(SvdMethod::Randomized);
    options.power_iterations = usize::MAX;
    let error = svd(&[1.0; 4], 2, 2, &options).unwrap_err().to_string();
    assert!(error.contains("power_iterations") && error.contains("100"), "{error}");
    let grid = Grid::new([0.0; 3], [1.0; 3], 21, Outside::Error).unwrap();
    let error = ranges::hilbert(&grid, [0.1; 3], [0.9; 3], usize::MAX).unwrap_err().to_string();
    assert!(error.contains("most") && error.contains("1000000"), "{error}");
}

#[test]
fn positions_that_are_not_there_have_nothing() {
    let column = Vectors::matrix(&[1.0, 2.0, 3.0, 4.0], 2).unwrap();
    let ragged = Vectors::packed("v", Element::F32, &[0; 12], &[4, -1, 8]).unwrap();
    assert_eq!(
        (column.dimensions(1), column.dimensions(2), ragged.dimensions(usize::MAX)),
        (Some(2), None, None)
    );
    let basis = Basis::random(2, 1, 7).unwrap();
    let points = spatial::project(&basis, &column, false).unwrap();
    assert!(points.point(1).is_some() && points.square(1).is_some());
    for i in [2, usize::MAX] {
        assert_eq!((points.point(i), points.square(i), points.residual(i)), (None, None, None));
    }
    // Results are plain data, which a caller may have cut.
    let cut = PackedVectors { element: Element::F32, bytes: vec![0; 6], lengths: vec![4, 4, -1] };
    assert_eq!(cut.row(0), Some(vec![0.0]));
    assert!((1..5).all(|i| cut.row(i).is_none()));
    let cut = PackedBytes { bytes: vec![1, 2, 3], lengths: vec![2, 2, -1, 1] };
    assert_eq!(cut.rows().collect::<Vec<_>>(), [Some(&[1, 2][..]), None, None, Some(&[3][..])]);
}

#[test]
fn threads_that_cannot_be_are_refused() {
    // Enough rows to be shared: nothing else starts threads.
    let (rows, mut norms) = (vec![1.0; 4 << 20], vec![0.0; 4 << 10]);
    let pool = Pool::new();
    let error = pool.run(usize::MAX, || batch::norm(&rows, 1 << 10, &mut norms)).unwrap_err().to_string();
    assert!(error.contains(&format!("threads is {}; expected an integer from 1 to", usize::MAX)), "{error}");
    pool.close();
}

#[test]
fn searches_say_what_is_wrong() {
    let rows = Vectors::matrix(&[1.0, 2.0, 3.0, 4.0], 2).unwrap();
    let query = Vectors::matrix(&[1.0, 0.0], 2).unwrap();
    let wrong = |search: TopK<'_>| search.search(&rows, &query).unwrap_err().to_string();
    assert!(wrong(TopK::new(0)).contains("k is 0"));
    assert!(wrong(TopK::new(1).ids(&[1, 2, 3])).contains("ids is 3 numbers; expected 2"));
    assert_eq!(TopK::new(usize::MAX).search(&rows, &query).unwrap()[0].len(), 2);
    let other = Vectors::matrix(&[1.0], 1).unwrap();
    assert!(matches!(TopK::new(1).search(&rows, &other), Err(Error::Dimensions { .. })));
    let none = Vectors::matrix(&[], 2).unwrap();
    assert!(TopK::new(1).search(&rows, &none).unwrap().is_empty());
    assert!(TopK::new(1).search(&none, &query).unwrap()[0].is_empty());
    // A view of one row is one vector; what has gaps or is empty is refused.
    let array = ndarray::array![[1.0f32, 2.0], [3.0, 4.0]];
    assert_eq!(Vectors::try_from(array.row(1)).unwrap().len(), 1);
    assert!(Vectors::try_from(array.column(1)).is_err());
    assert!(
        Vectors::try_from(ndarray::ArrayView1::from(&[0f32; 0]))
            .unwrap_err()
            .to_string()
            .contains("dimensions")
    );
}

#[test]
fn members_may_have_another_byte_order() {
    let hex = |text: &str| -> Vec<u8> {
        (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
    };
    let read = |wkb: &str| wkb::read(&hex(wkb)).unwrap();
    let (one, two) = (("000000000000F03F", "3FF0000000000000"), ("0000000000000040", "4000000000000000"));
    // MULTIPOINT; MULTIPOINT ZM; a collection of a big-endian polygon.
    for (same, mixed) in [
        (
            format!("0104000000010000000101000000{}{}", one.0, two.0),
            format!("0104000000010000000000000001{}{}", one.1, two.1),
        ),
        (
            format!("01BC0B00000100000001B90B0000{}{}{}{}", one.0, two.0, two.0, one.0),
            format!("01BC0B00000100000000{:08X}{}{}{}{}", 3001, one.1, two.1, two.1, one.1),
        ),
        (
            format!(
                "01070000000100000001030000000100000004000000{}",
                [one.0, one.0, two.0, one.0, two.0, two.0, one.0, one.0].concat()
            ),
            format!(
                "01070000000100000000000000030000000100000004{}",
                [one.1, one.1, two.1, one.1, two.1, two.1, one.1, one.1].concat()
            ),
        ),
    ] {
        assert_eq!(read(&mixed), read(&same), "{mixed}");
    }
}

#[test]
fn a_null_geometry_has_nothing_behind_its_srid() {
    let null = (-1i32).to_le_bytes();
    assert_eq!(Geometry::decode(&null, SpatialType::Geometry), Ok(None));
    let more = [&null[..], &[1, 4, 0, 0]].concat();
    let error = Geometry::decode(&more, SpatialType::Geometry).unwrap_err().to_string();
    assert!(error.contains("4 bytes after SRID -1"), "{error}");
}

#[test]
fn what_a_projection_does_not_show_is_not_zero_for_nan() {
    let axes = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
    let basis = Basis::landmarks(&Vectors::matrix(&axes, 3).unwrap()).unwrap();
    let rows = [f32::NAN, 1.0, 0.0, 3.0, 4.0, 0.0];
    let points = spatial::project(&basis, &Vectors::matrix(&rows, 3).unwrap(), false).unwrap();
    assert!(points.residual(0).unwrap().is_nan());
    assert_eq!(points.residual(1), Some(0.0));
}
