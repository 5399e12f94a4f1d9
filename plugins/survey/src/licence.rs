//! Which licence a text is, told by a phrase that only this one has.

/// Lines of a licence that are enough for every phrase below.
pub(crate) const LINES: u32 = 40;

/// All phrases of a row must be there. The first row that fits wins, so a
/// licence that quotes or extends another one stands above it.
const LICENCES: &[(&str, &[&str])] = &[
    ("Apache-2.0", &["Apache License", "Version 2.0"]),
    ("AGPL-3.0", &["GNU AFFERO GENERAL PUBLIC LICENSE", "Version 3"]),
    ("LGPL-3.0", &["GNU LESSER GENERAL PUBLIC LICENSE", "Version 3"]),
    ("LGPL-2.1", &["GNU LESSER GENERAL PUBLIC LICENSE", "Version 2.1"]),
    ("GPL-3.0", &["GNU GENERAL PUBLIC LICENSE", "Version 3"]),
    ("GPL-2.0", &["GNU GENERAL PUBLIC LICENSE", "Version 2"]),
    ("MPL-2.0", &["Mozilla Public License", "2.0"]),
    ("BSL-1.0", &["Boost Software License"]),
    ("MIT", &["Permission is hereby granted, free of charge, to any person obtaining a copy"]),
    ("ISC", &["Permission to use, copy, modify, and", "provided that the above copyright notice"]),
    ("0BSD", &["Permission to use, copy, modify, and"]),
    ("BSD-3-Clause", &["Redistribution and use in source and binary forms", "Neither the name"]),
    ("BSD-2-Clause", &["Redistribution and use in source and binary forms"]),
    ("Unlicense", &["This is free and unencumbered software"]),
    ("CC0-1.0", &["CC0 1.0 Universal"]),
];

/// The SPDX name of the licence that begins with `text`.
pub(crate) fn identify(text: &str) -> Option<&'static str> {
    // Phrases run over line ends, at other places in every copy.
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let fits = |phrases: &[&str]| phrases.iter().all(|p| words.contains(&p.to_lowercase()));
    LICENCES.iter().find(|(_, phrases)| fits(phrases)).map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<&str>) {
        assert_eq!(identify(text), expect, "{text}");
    }

    #[test]
    fn a_phrase_identifies_a_licence_over_line_ends() {
        check("  Apache License\n  Version 2.0, January 2004", Some("Apache-2.0"));
        check(
            "Permission is hereby granted, free of charge, to any\nperson obtaining a copy",
            Some("MIT"),
        );
        check(
            "GNU Lesser General Public License\nVersion 3, the GNU GPL version 3",
            Some("LGPL-3.0"),
        );
        check(
            "Redistribution and use in source and binary forms, Neither the name",
            Some("BSD-3-Clause"),
        );
    }

    #[test]
    fn other_texts_are_unknown() {
        check("All rights reserved.", None);
        check("", None);
    }
}
