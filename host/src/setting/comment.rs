//! The lines above a field, as the text that a file and a schema have.

use super::Setting;

impl Setting {
    /// What it is; its unit and range, with what they bound; and the rest.
    pub fn comment(&self) -> Vec<String> {
        let mut res = paragraphs(self.about);
        let stated = self.form.amount.map(|it| it.to_string());
        match (stated, res.get_mut(1)) {
            (None, _) => (),
            (Some(stated), None) => res.push(format!("{stated}.")),
            (Some(stated), Some(why)) => {
                // What is no sentence of its own goes on with this one.
                let stop = if why.starts_with(char::is_uppercase) { '.' } else { ';' };
                *why = format!("{stated}{stop} {why}");
            }
        }
        res
    }
}

/// Lines of a doc comment, joined up to each empty one.
pub fn paragraphs(lines: &[&str]) -> Vec<String> {
    let paragraphs = lines.split(|it| it.trim().is_empty());
    let joined = paragraphs.map(|it| it.iter().map(|it| it.trim()).collect::<Vec<_>>().join(" "));
    joined.filter(|it| !it.is_empty()).collect()
}
