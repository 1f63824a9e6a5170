//! `_native.py`: constants, structures and prototypes for ctypes.

use std::fmt::Write;

use syn::{Expr, FnArg, Item, Lit, Pat, ReturnType, Type};

use super::{EXPORTS, TYPES, parse, root};

fn last(path: &syn::Path) -> String {
    path.segments.last().expect("a path").ident.to_string()
}

/// The ctypes type of a Rust type. Pointers are plain addresses, so that arrays go through without a copy.
fn ctype(of: &Type) -> String {
    match of {
        Type::Path(path) => match last(&path.path).as_str() {
            "i32" => "ctypes.c_int32".into(),
            "u32" => "ctypes.c_uint32".into(),
            "i64" => "ctypes.c_int64".into(),
            "u64" => "ctypes.c_uint64".into(),
            "usize" => "ctypes.c_size_t".into(),
            "f64" => "ctypes.c_double".into(),
            "c_char" => "ctypes.c_char".into(),
            "Option" => "ctypes.c_void_p".into(),
            other => panic!("{other} has no ctypes type here"),
        },
        Type::Ptr(pointer) => match &*pointer.elem {
            Type::Path(path) if pointer.const_token.is_some() && last(&path.path) == "c_char" => {
                "ctypes.c_char_p".into()
            }
            _ => "ctypes.c_void_p".into(),
        },
        Type::Array(array) => {
            let Expr::Lit(syn::ExprLit { lit: Lit::Int(length), .. }) = &array.len else {
                panic!("a length")
            };
            format!("{} * {length}", ctype(&array.elem))
        }
        other => panic!("{other:?} has no ctypes type here"),
    }
}

/// What a field of that ctypes type holds, as type checkers call it.
fn held(ctype: &str) -> &'static str {
    match ctype {
        "ctypes.c_double" => "float",
        "ctypes.c_void_p" | "ctypes.c_char_p" => "Any",
        array if array.contains('*') => "bytes",
        _ => "int",
    }
}

pub fn text() -> String {
    let mut out = String::from(
        "\"\"\"Constants, structures and prototypes. Generated: bash .ci/generate.\"\"\"\n\n\
         from __future__ import annotations\n\nimport ctypes\nfrom typing import Any\n\n",
    );
    let types: Vec<Item> = TYPES.iter().flat_map(|path| parse(&root().join(path)).items).collect();
    for item in &types {
        let Item::Const(item) = item else { continue };
        let Expr::Lit(syn::ExprLit { lit: Lit::Int(value), .. }) = &*item.expr else {
            panic!("{}", item.ident)
        };
        let _ = writeln!(out, "{} = {}", item.ident, value.base10_digits());
    }
    for item in &types {
        let Item::Struct(item) = item else { continue };
        let fields: Vec<_> =
            item.fields.iter().filter_map(|f| f.ident.as_ref().map(|name| (name, &f.ty))).collect();
        if fields.iter().any(|(name, _)| *name == "_opaque") {
            continue;
        }
        let _ = writeln!(out, "\n\nclass {}(ctypes.Structure):\n    _fields_ = [", item.ident);
        for (name, of) in &fields {
            let _ = writeln!(out, "        (\"{name}\", {}),", ctype(of));
        }
        out.push_str("    ]\n");
        for (name, of) in fields {
            let _ = writeln!(out, "    {name}: {}", held(&ctype(of)));
        }
    }
    out.push_str("\n\n# Result type and argument types of every function.\nPROTOTYPES: dict[str, tuple[Any, list[Any]]] = {\n");
    for path in EXPORTS {
        for item in parse(&root().join(path)).items {
            let Item::Fn(function) = item else { continue };
            let name = function.sig.ident.to_string();
            if !name.starts_with("hart_") {
                continue;
            }
            let result = match &function.sig.output {
                ReturnType::Type(_, of) => ctype(of),
                ReturnType::Default => "None".into(),
            };
            let _ = writeln!(out, "    \"{name}\": (\n        {result},\n        [");
            for argument in &function.sig.inputs {
                let FnArg::Typed(argument) = argument else { panic!("{name} takes self") };
                let Pat::Ident(ident) = &*argument.pat else { panic!("an argument of {name} has no name") };
                let _ = writeln!(out, "            {},  # {}", ctype(&argument.ty), ident.ident);
            }
            out.push_str("        ],\n    ),\n");
        }
    }
    out.push_str("}\n");
    out
}
