//! What tools keep for one caller: where its commands run, who starts its
//! subagents.

use std::{
    any::Any,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

type Value = Arc<dyn Any + Send + Sync>;

/// At most one value of each type. Clones are the same place; it ends with the
/// last of them.
#[derive(Clone, Default)]
pub struct Kept(Arc<Mutex<Vec<Value>>>);

impl Kept {
    /// Puts a value there, in place of one of its type.
    pub fn put<T: Send + Sync + 'static>(&self, value: T) {
        self.with(|values| {
            values.retain(|it| !it.is::<T>());
            values.push(Arc::new(value));
        });
    }

    /// The value of that type, if there is one.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.with(|values| find(values))
    }

    /// The value of that type, made now if there is none.
    pub fn get_or_put_with<T: Send + Sync + 'static>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        self.with(|values| {
            find(values).unwrap_or_else(|| {
                let value = Arc::new(make());
                values.push(Arc::clone(&value) as Value);
                value
            })
        })
    }

    fn with<R>(&self, work: impl FnOnce(&mut Vec<Value>) -> R) -> R {
        // A panic while the lock is held leaves nothing half done.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn find<T: Send + Sync + 'static>(values: &[Value]) -> Option<Arc<T>> {
    values.iter().find_map(|it| Arc::clone(it).downcast().ok())
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_one_place_that_clones_share() {
        let kept = Kept::default();
        let other = kept.clone();
        assert_eq!(kept.get::<u32>(), None);
        assert_eq!(*kept.get_or_put_with(|| 1_u32), 1);
        assert_eq!(*other.get_or_put_with(|| 2_u32), 1);
        kept.put("text".to_owned());
        kept.put(3_u32);
        assert_eq!(other.get::<u32>().as_deref(), Some(&3));
        assert_eq!(other.get::<String>().as_deref(), Some(&"text".to_owned()));
        assert_eq!(Kept::default().get::<u32>(), None);
    }
}
