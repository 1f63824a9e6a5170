//! Coefficients, errors, importance and dequantization of layers: against the definitions, on real weights, and by name.

use crate::common;

use common::real::weights;
use common::{call_columns, compute, layer, text, uniform};
use hart_kernels::registry::{Input, Output, Value, Values};
use hart_kernels::tensor::quant::{PayloadType, decode_into};
use hart_kernels::tensor::{SvdOptions, coefficients, error, svd, synthesize};
use hart_kernels::{Compute, Error};

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn numbers(output: &Output, column: usize) -> Vec<f64> {
    let Values::Float(numbers) = &output.columns[column] else { panic!("{output:?}") };
    numbers.iter().map(|n| n.unwrap()).collect()
}

#[test]
fn coefficients_of_dependent_and_independent_atoms() {
    // A layer in the span of nearly parallel atoms: the squared condition number is 1e10.
    let n = 9000;
    let base = uniform(1, n);
    let atoms: Vec<Vec<f32>> = (0..5)
        .map(|k| {
            uniform(2 + k, n)
                .iter()
                .zip(&base)
                .map(|(x, b)| b + if k == 0 { 0.0 } else { x * 1e-5 })
                .collect()
        })
        .collect();
    let views: Vec<&[f32]> = atoms.iter().map(Vec::as_slice).collect();
    let wanted = [0.5, -2.0, 1.0, 3.0, -0.25];
    let layer: Vec<f32> =
        synthesize(&wanted.iter().copied().zip(views.iter().copied()).collect::<Vec<_>>()).unwrap();
    let found = coefficients(&layer, &views).unwrap();
    assert_eq!(found.rank, 5);
    // The layer was rounded to singles, which 1e-5 enlarges.
    for (got, wanted) in found.coefficients.iter().zip(wanted) {
        assert!((got - wanted).abs() < 2e-3, "{got} for {wanted}");
    }
    assert!(found.residual < 1e-7, "{}", found.residual);
    // The residual is orthogonal to the atoms, which is what makes it the least.
    let rest: Vec<f64> = (0..n)
        .map(|i| {
            f64::from(layer[i])
                - views.iter().zip(&found.coefficients).map(|(a, c)| f64::from(a[i]) * c).sum::<f64>()
        })
        .collect();
    for atom in &views {
        let dot: f64 = atom.iter().zip(&rest).map(|(a, r)| f64::from(*a) * r).sum();
        assert!(dot.abs() < 1e-9 * n as f64, "{dot}");
    }

    // The same atom three times: a third of its coefficient each.
    let three = coefficients(&[3.0, 6.0, 1.0], &[[1.0, 2.0, 0.0].as_slice(); 3]).unwrap();
    assert_eq!(three.rank, 1);
    assert!(three.coefficients.iter().all(|c| (c - 1.0).abs() < 1e-12), "{three:?}");
    assert!((three.residual - (1.0f64 / 46.0).sqrt()).abs() < 1e-12);
    // Zeros and nothing.
    let zero = coefficients(&[1.0, 0.0], &[&[0.0, 0.0]]).unwrap();
    assert_eq!((zero.coefficients, zero.residual, zero.rank), (vec![0.0], 1.0, 0));
    assert_eq!(coefficients(&[0.0], &[&[1.0]]).unwrap().residual, 0.0);
    assert_eq!(coefficients(&[1.0], &[]).unwrap().residual, 1.0);
    assert_eq!(coefficients(&[], &[&[], &[]]).unwrap().coefficients, [0.0, 0.0]);
}

#[test]
fn coefficients_do_not_depend_on_the_size_of_atoms() {
    let found = coefficients(&[1.0, 1.0], &[&[1.0, 0.0], &[0.0, 1e-7]]).unwrap();
    assert_eq!(found.rank, 2);
    assert!((found.coefficients[0] - 1.0).abs() < 1e-12);
    assert!((found.coefficients[1] * f64::from(1e-7f32) - 1.0).abs() < 1e-12, "{found:?}");
    assert!(found.residual < 1e-12, "{found:?}");

    // The same layer on the same atoms, each of another size: coefficients move the other way, and nothing else does.
    let n = 500;
    let layer = uniform(1, n);
    let of = |power: &dyn Fn(i32) -> i32| {
        let atoms: Vec<Vec<f32>> = (0..20)
            .map(|k| uniform(2 + k as u32, n).iter().map(|x| x * 2f32.powi(power(k))).collect())
            .collect();
        coefficients(&layer, &atoms.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap()
    };
    let plain = of(&|_| 0);
    assert_eq!(plain.rank, 20);
    for power in [|k: i32| k * 6 - 60, |k: i32| if k % 2 == 0 { 60 } else { -80 }] {
        let scaled = of(&power);
        assert_eq!(scaled.rank, 20);
        assert!((scaled.residual / plain.residual - 1.0).abs() < 1e-12);
        for (k, (s, p)) in scaled.coefficients.iter().zip(&plain.coefficients).enumerate() {
            let moved = s * 2f64.powi(power(k as i32));
            assert!((moved - p).abs() < 1e-10 * p.abs().max(0.01), "atom {k}: {moved} for {p}");
        }
    }
}

#[test]
fn more_atoms_than_elements() {
    // Three atoms in a plane; by hand: of c₀·(1,0) + c₁·(0,1) + c₂·(1,1) = (2,0) the smallest terms.
    let found = coefficients(&[2.0, 0.0], &[&[1.0, 0.0], &[0.0, 1.0], &[1.0, 1.0]]).unwrap();
    assert_eq!(found.rank, 2);
    // Least c₀² + c₁² + 2·c₂² with c₀ + c₂ = 2 and c₁ + c₂ = 0: c₂ = 1/2.
    for (got, wanted) in found.coefficients.iter().zip([1.5, -0.5, 0.5]) {
        assert!((got - wanted).abs() < 1e-12, "{found:?}");
    }
    assert!(found.residual < 1e-12);

    // Atoms that span the first 30 of 40 elements, one of them zero: what is left is the rest of the layer.
    let layer = uniform(1, 40);
    let atoms: Vec<Vec<f32>> = (0..90)
        .map(|k| {
            let mut atom = uniform(2 + k, 40);
            atom[30..].fill(0.0);
            atom.iter_mut().for_each(|x| *x *= if k == 17 { 0.0 } else { 2f32.powi(k as i32 % 20 - 10) });
            atom
        })
        .collect();
    let views: Vec<&[f32]> = atoms.iter().map(Vec::as_slice).collect();
    let found = coefficients(&layer, &views).unwrap();
    assert_eq!((found.rank, found.coefficients[17]), (30, 0.0));
    let square = |v: &[f32]| v.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>();
    assert!((found.residual - (square(&layer[30..]) / square(&layer)).sqrt()).abs() < 1e-12);
    for i in 0..30 {
        let sum: f64 = views.iter().zip(&found.coefficients).map(|(a, c)| f64::from(a[i]) * c).sum();
        assert!((sum - f64::from(layer[i])).abs() < 1e-12, "element {i}");
    }
    // As many atoms as elements and one more agree where the last one adds nothing.
    let square_system: Vec<&[f32]> = views[20..60].to_vec();
    let one_more = [&square_system[..], &[views[17]]].concat();
    let (a, b) = (coefficients(&layer, &square_system).unwrap(), coefficients(&layer, &one_more).unwrap());
    assert_eq!((a.rank, b.rank), (30, 30));
    for (k, (x, y)) in a.coefficients.iter().zip(&b.coefficients).enumerate() {
        let size = square(square_system[k]).sqrt();
        assert!(((x - y) * size).abs() < 1e-9, "atom {k}: {x} {y}");
    }
}

#[test]
fn a_real_layer_through_its_components_and_back() {
    let layers = weights();
    let layer = layers.iter().find(|l| l.shape == [384, 384]).unwrap();
    let factors = svd(&layer.values, 384, 384, &SvdOptions::default().rank(12)).unwrap();
    let atoms: Vec<Vec<f32>> = (0..12)
        .map(|k| {
            let (u, v) = (&factors.u[k * 384..][..384], &factors.v[k * 384..][..384]);
            u.iter().flat_map(|u| v.iter().map(move |v| u * v)).collect()
        })
        .collect();
    let views: Vec<&[f32]> = atoms.iter().map(Vec::as_slice).collect();
    let found = coefficients(&layer.values, &views).unwrap();
    for (c, sigma) in found.coefficients.iter().zip(&factors.singular_values) {
        assert!((c / sigma - 1.0).abs() < 1e-5, "{c} {sigma}");
    }
    let terms: Vec<(f64, &[f32])> = found.coefficients.iter().copied().zip(views.iter().copied()).collect();
    let difference = error(&layer.values, &synthesize(&terms).unwrap()).unwrap();
    assert!((difference.relative / factors.error() - 1.0).abs() < 1e-5);
    assert!((difference.relative / found.residual - 1.0).abs() < 1e-5);
    // A projection and what it leaves are at a right angle.
    let cosine = difference.cosine.unwrap();
    assert!((cosine * cosine + difference.relative * difference.relative - 1.0).abs() < 1e-5);
    // By name, in chunks, the atoms in any order.
    let packed: Vec<Vec<u8>> = views.iter().map(|v| bytes(v)).chain([bytes(&layer.values)]).collect();
    let mut rows: Vec<(Option<i64>, Option<i64>, &[u8])> = Vec::new();
    for (i, payload) in packed.iter().enumerate().rev() {
        let id = Some(i as i64).filter(|i| *i < 12);
        rows.push((id, Some(9), &payload[1002..]));
        rows.push((id, Some(-9), &payload[..1002]));
    }
    let by_name = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let inputs = vec![
            Input::Integers(rows.iter().map(|r| r.0).collect()),
            Input::Integers(rows.iter().map(|r| r.1).collect()),
            Input::Binary(rows.iter().map(|r| Some(r.2)).collect()),
        ];
        pool.install(|| call_columns("tensor_coefficients", compute(), inputs, &[])).unwrap()
    };
    assert_eq!(numbers(&by_name(1), 1), found.coefficients);
    assert_eq!(by_name(1), by_name(3));
}

#[test]
fn errors_between_layers() {
    let (a, b) = (uniform(1, 700_000), uniform(2, 700_000));
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| error(&a, &b)).unwrap()
    };
    let found = run(1);
    assert_eq!(found, run(3));
    let sum = |f: &dyn Fn(f64, f64) -> f64| {
        a.iter().zip(&b).map(|(x, y)| f(f64::from(*x), f64::from(*y))).sum::<f64>()
    };
    let (off, aa, bb, ab) =
        (sum(&|x, y| (x - y).powi(2)), sum(&|x, _| x * x), sum(&|_, y| y * y), sum(&|x, y| x * y));
    assert!((found.relative / (off / aa).sqrt() - 1.0).abs() < 1e-12);
    assert!((found.cosine.unwrap() - ab / (aa * bb).sqrt()).abs() < 1e-12);
    let at = found.at.unwrap();
    let differences = || a.iter().zip(&b).map(|(x, y)| (f64::from(*x) - f64::from(*y)).abs());
    assert_eq!(differences().fold(0.0, f64::max), found.largest);
    assert_eq!(differences().position(|d| d == found.largest), Some(at));

    let same = error(&[1.0, -2.0], &[1.0, -2.0]).unwrap();
    assert_eq!((same.relative, same.largest, same.at), (0.0, 0.0, Some(0)));
    let zero = error(&[0.0, 0.0], &[0.0, 1.0]).unwrap();
    assert_eq!((zero.relative, zero.cosine), (f64::INFINITY, None));
    let none = error(&[], &[]).unwrap();
    assert_eq!((none.relative, none.at, none.cosine), (0.0, None, None));
    assert!(error(&[1.0], &[]).unwrap_err().to_string().contains("0 elements; expected 1"));
    let nan = error(&[1.0, f32::NAN], &[1.0, 1.0]).unwrap_err().to_string();
    assert!(nan.contains("the original") && nan.contains("element 1 is NaN"), "{nan}");

    // By name: other types, other numbers of chunks.
    let halves: Vec<u8> = [0x3c00u16, 0xc000, 0x3c00].iter().flat_map(|h| h.to_le_bytes()).collect();
    let packed = bytes(&[1.0, -2.0, 2.0]);
    let call = |a: Vec<Option<&[u8]>>, b: Vec<Option<&[u8]>>| {
        let chunks = Input::Integers((0..a.len() as i64).map(Some).collect());
        let params = [("approximation_type", text("f16"))];
        let inputs = vec![chunks, Input::Binary(a), Input::Binary(b)];
        call_columns("tensor_error", compute(), inputs, &params)
    };
    let found = call(vec![Some(&packed[..5]), Some(&packed[5..])], vec![Some(&halves), None]).unwrap();
    assert!((numbers(&found, 1)[0] - 1.0 / 3.0).abs() < 1e-12);
    assert_eq!(found.columns[3], Values::BigInt(vec![Some(2)]));
    let missing = call(vec![Some(&packed), None], vec![Some(&halves), None]).unwrap_err().to_string();
    assert!(missing.starts_with("column payload, row 2: NULL"), "{missing}");
}

/// An atom's id, weight, payload and Fisher diagonal.
type AtomRow<'a> = (i64, Option<f64>, Option<&'a [u8]>, Option<&'a [u8]>);

fn importance(rows: &[AtomRow<'_>], params: &[(&str, Value)]) -> Result<Output, Error> {
    let mut seen = Vec::new();
    let mut chunk = |id: i64| {
        seen.push(id);
        Some(seen.iter().filter(|s| **s == id).count() as i64)
    };
    let inputs = vec![
        Input::Integers(rows.iter().map(|r| Some(r.0)).collect()),
        Input::Integers(rows.iter().map(|r| chunk(r.0)).collect()),
        Input::Floats(rows.iter().map(|r| r.1).collect()),
        Input::Binary(rows.iter().map(|r| r.2).collect()),
        Input::Binary(rows.iter().map(|r| r.3).collect()),
    ];
    call_columns("tensor_importance", compute(), inputs, params)
}

#[test]
fn importance_by_each_measure() {
    let (one, two) = (bytes(&[3.0, 4.0]), bytes(&[1.0, 0.0]));
    let (f, g) = (bytes(&[2.0, 0.0]), bytes(&[0.0, 8.0]));
    let rows = [
        (9, None, Some(&two[..]), Some(&g[..])),
        (4, Some(2.0), Some(&one[..3]), Some(&f[..6])),
        (4, Some(2.0), Some(&one[3..]), Some(&f[6..])),
    ];
    let by = |measure| importance(&rows, &[("measure", text(measure))]);
    let magnitude = by("magnitude").unwrap();
    assert_eq!(magnitude.columns[0], Values::BigInt(vec![Some(4), Some(9)]));
    assert_eq!(numbers(&magnitude, 1), [100.0, 1.0]);
    assert_eq!(numbers(&magnitude, 3), [100.0, 1.0]);
    assert!((numbers(&magnitude, 2)[0] - 100.0 / 101.0).abs() < 1e-15);
    // ½·2·(2·3)², and nothing where the loss does not care.
    let fisher = by("fisher").unwrap();
    assert_eq!((numbers(&fisher, 1), numbers(&fisher, 3)), (vec![36.0, 0.0], vec![100.0, 1.0]));
    let text = by("singular_value").unwrap_err().to_string();
    assert!(text.starts_with("column weight, row 1: NULL"), "{text}");

    let singular = importance(&[(1, Some(0.0), None, None), (2, Some(0.0), None, None)], &[]).unwrap();
    assert_eq!(numbers(&singular, 2), [0.0, 0.0]);
    let huge = importance(&[(1, Some(1e154), None, None), (2, Some(1e154), None, None)], &[]).unwrap();
    assert_eq!(numbers(&huge, 2), [0.5, 0.5]);
    assert!(importance(&[(1, Some(1e200), None, None)], &[]).unwrap_err().to_string().contains("atom 1"));
    let twice =
        importance(&[(1, Some(1.0), None, None), (1, Some(2.0), None, None)], &[]).unwrap_err().to_string();
    assert!(twice.contains("row 2: 2; expected 1 as in row 1, for atom 1"), "{twice}");
}

#[test]
fn importance_names_the_row_of_the_input() {
    // Ids descend, so that rows and atoms are in different orders.
    let some = |v: f64| Some(v);
    let message = importance(
        &[(9, some(1.0), None, None), (5, some(1.0), None, None), (2, some(1e200), None, None)],
        &[],
    )
    .unwrap_err()
    .to_string();
    assert!(message.starts_with("column weight, row 3: the importance of atom 2"), "{message}");
    let (one, two, short) = (bytes(&[1.0, 2.0]), bytes(&[3.0, 4.0]), bytes(&[1.0]));
    let fisher = [("measure", text("fisher"))];
    let rows = [(7, None, Some(&one[..]), Some(&short[..])), (3, None, Some(&two[..]), Some(&short[..]))];
    let message = importance(&rows, &fisher).unwrap_err().to_string();
    assert!(
        message.starts_with("column fisher, row 2: 1 elements; expected 2, as the payloads have"),
        "{message}"
    );
    // The same atom and chunk twice, by every measure; without a chunk it has one row only.
    let call = |chunks: &[Option<i64>], measure: &str| {
        let count = chunks.len();
        let payload = || Input::Binary(vec![Some(&one[..]); count]);
        let inputs = vec![
            Input::Integers([Some(8)].into_iter().chain(vec![Some(4); count - 1]).collect()),
            Input::Integers(chunks.to_vec()),
            Input::Floats(vec![Some(1.0); count]),
            payload(),
            payload(),
        ];
        call_columns("tensor_importance", compute(), inputs, &[("measure", text(measure))])
    };
    for measure in ["singular_value", "magnitude", "fisher"] {
        let message = call(&[Some(6), Some(6), Some(1), Some(6)], measure).unwrap_err().to_string();
        assert!(
            message.starts_with("column chunk, row 4: chunk 6, which row 2 holds too"),
            "{measure}: {message}"
        );
        let message = call(&[None, None, Some(1)], measure).unwrap_err().to_string();
        assert!(message.starts_with("column chunk, row 2: NULL"), "{measure}: {message}");
    }
    assert!(call(&[None, Some(2), Some(1)], "singular_value").is_ok());
}

#[test]
fn bad_importance_is_named() {
    let (one, nan, negative) = (bytes(&[3.0, 4.0]), bytes(&[1.0, f32::NAN]), bytes(&[1.0, -1.0]));
    let by = |measure, payload, fisher| {
        importance(&[(5, None, payload, fisher)], &[("measure", text(measure))]).unwrap_err().to_string()
    };
    let text = by("magnitude", Some(&nan), None);
    assert!(text.contains("column payload, row 1: element 1 of atom 5 is NaN"), "{text}");
    assert!(by("magnitude", None, None).contains("column payload, row 1: NULL"));
    assert!(by("fisher", Some(&one), None).contains("column fisher, row 1: NULL"));
    assert!(by("fisher", Some(&one), Some(&one[..4])).contains("1 elements; expected 2"));
    let text = by("fisher", Some(&one), Some(&negative));
    assert!(text.contains("column fisher, row 1: element 1 of atom 5 is -1; expected numbers ≥ 0"), "{text}");
}

#[test]
fn payloads_of_every_type_are_decoded_by_name() {
    for payload_type in PayloadType::ALL {
        let size = payload_type.block_bytes() * 40;
        // Exponents are kept small, so that scales in half precision are numbers.
        let payload: Vec<u8> = (0..size as u32).map(|i| (common::hash(3, i) % 60) as u8).collect();
        let mut expected = vec![0f32; payload_type.elements(size).unwrap()];
        decode_into(payload_type, &payload, &mut expected).unwrap();
        let inputs = vec![
            Input::Integers(vec![Some(1), Some(0)]),
            Input::Binary(vec![Some(&payload[7..]), Some(&payload[..7])]),
        ];
        let params = [("type", text(payload_type.name()))];
        let got = layer(&call_columns("tensor_dequantize", Compute::new(), inputs, &params).unwrap());
        let bits = |v: &[f32]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert!(!got.is_empty() && bits(&got) == bits(&expected), "{}", payload_type.name());
    }
    let inputs = || vec![Input::Integers(vec![None]), Input::Binary(vec![Some(&[0u8; 35][..])])];
    let text_of = |word| {
        call_columns("tensor_dequantize", compute(), inputs(), &[("type", text(word))])
            .unwrap_err()
            .to_string()
    };
    assert!(text_of("q8_0").contains("35 bytes"), "{}", text_of("q8_0"));
    assert!(text_of("q9_9").contains("q9_9"), "{}", text_of("q9_9"));
}

#[test]
fn bad_layers_are_named() {
    let message = |layer: &[f32], atoms: &[&[f32]]| coefficients(layer, atoms).unwrap_err().to_string();
    assert!(
        message(&[1.0, 2.0], &[&[1.0, 1.0], &[1.0]])
            .starts_with("column atoms, row 2: 1 elements; expected 2")
    );
    assert!(message(&[1.0, f32::NAN], &[]).contains("layer, row 1: element 1 is NaN"));
    assert!(message(&[1.0], &[&[f32::INFINITY]]).contains("atoms, row 1: element 0 is inf"));
    let one = bytes(&[1.0]);
    let inputs =
        vec![Input::Integers(vec![Some(3)]), Input::Integers(vec![None]), Input::Binary(vec![Some(&one)])];
    let text = call_columns("tensor_coefficients", compute(), inputs, &[]).unwrap_err().to_string();
    assert!(text.contains("atom_id") && text.contains("no row without an atom"), "{text}");
}
