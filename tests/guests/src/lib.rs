//! The guests are the examples of this package, one file per behaviour; each
//! becomes a component of its own.
