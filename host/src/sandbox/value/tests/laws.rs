//! What was lost once.

use wasmtime::component::Val;

use super::super::{
    input,
    name::Name,
    output,
    shape::{Field, Shape},
};

/// Its shortest digits, `7.038531e-26`, lie half-way to its neighbour once they
/// are a number of 64 bits.
#[test]
fn a_float_that_its_shortest_digits_would_lose_has_more_of_them() {
    let float = Val::Float32(f32::from_bits(0x15ae_43fd));
    let json = output::json(Some(&Shape::F32), Some(&float)).unwrap();
    assert_eq!(json, "7.038530691851209e-26");
    let field = Field { name: Name::new("v"), shape: Shape::F32 };
    let read = input::arguments(&[field], &format!(r#"{{"v":{json}}}"#)).unwrap();
    assert_eq!(read, [float]);
}
