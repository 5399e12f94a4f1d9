//! The two macros. They write down what a person would have to write several
//! times; everything that is worth a thought happens in functions.

/// A struct whose fields are settings. What is no setting, such as a switch for
/// tests, stands behind `besides` with its value.
macro_rules! settings {
    (
        $(#[doc = $about:literal])*
        #[derive($($derived:ident),+)]
        $vis:vis struct $name:ident in $section:literal {
            $(
                $(#[doc = $doc:literal])*
                $seen:vis $field:ident $(as $key:literal)?: $type:ty = $form:expr,
                project: $project:ident;
            )*
        }
        $(besides {
            $(
                $(#[doc = $plain_doc:literal])*
                $plain_seen:vis $plain:ident: $plain_type:ty = $value:expr;
            )*
        })?
    ) => {
        $(#[doc = $about])*
        #[derive($($derived),+)]
        $vis struct $name {
            $($(#[doc = $doc])* $seen $field: $type,)*
            $($($(#[doc = $plain_doc])* $plain_seen $plain: $plain_type,)*)?
        }

        #[expect(non_upper_case_globals, reason = "each is named like the field that it declares")]
        impl $name {
            $(
                #[doc = concat!("How `", stringify!($field), "` is declared.")]
                $seen const $field: $crate::setting::Setting = $crate::setting::Setting {
                    key: concat!($section, ".", $crate::setting::key_of!($field $($key)?)),
                    about: &[$($doc),*],
                    form: $form,
                    project: $crate::setting::Project::$project,
                };
            )*
        }

        impl $crate::setting::Settings for $name {
            fn sections() -> Vec<$crate::setting::Section> {
                vec![$crate::setting::Section {
                    key: $section,
                    about: &[$($about),*],
                    settings: const { &[$(Self::$field),*] },
                    entries: &[],
                }]
            }

            fn read(from: &mut $crate::setting::Reader<'_>) -> Self {
                Self {
                    $($field: from.take(&Self::$field),)*
                    $($($plain: $value,)*)?
                }
            }

            fn unfit(&self) -> Vec<$crate::setting::Unfit> {
                let all = [$($crate::setting::Held::unfit(&self.$field, &Self::$field)),*];
                all.into_iter().flatten().collect()
            }
        }
    };
}

/// The last part of a key: the name of the field, unless it is said.
macro_rules! key_of {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $key:literal) => {
        $key
    };
}

/// A struct whose fields are structs of settings.
macro_rules! sections {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $($(#[$field_meta:meta])* $seen:vis $field:ident: $type:ty,)*
        }
    ) => {
        $(#[$meta])*
        $vis struct $name {
            $($(#[$field_meta])* $seen $field: $type,)*
        }

        impl $crate::setting::Settings for $name {
            fn sections() -> Vec<$crate::setting::Section> {
                [$(<$type as $crate::setting::Settings>::sections()),*].concat()
            }

            fn read(from: &mut $crate::setting::Reader<'_>) -> Self {
                Self { $($field: $crate::setting::Settings::read(from)),* }
            }

            fn unfit(&self) -> Vec<$crate::setting::Unfit> {
                [$($crate::setting::Settings::unfit(&self.$field)),*].concat()
            }
        }
    };
}

pub(crate) use {key_of, sections, settings};
