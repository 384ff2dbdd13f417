//! The providers that model rows may name.

use std::{collections::BTreeMap, sync::Arc};

use super::api::Provider;
use crate::base::error::{Error, ErrorKind, Result};

/// Providers by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registry(BTreeMap<String, Arc<dyn Provider>>);

impl Registry {
    /// A registry of these providers.
    ///
    /// # Errors
    /// Conflict (`provider_exists`) when two have the same name.
    pub(crate) fn new(providers: impl IntoIterator<Item = Arc<dyn Provider>>) -> Result<Registry> {
        let mut registry = Registry::default();
        providers.into_iter().try_for_each(|provider| registry.add(provider))?;
        Ok(registry)
    }

    fn add(&mut self, provider: Arc<dyn Provider>) -> Result<()> {
        let name = provider.name().to_owned();
        if self.0.contains_key(&name) {
            let message = format!("There is already a provider named {name}; give the new one another name.");
            return Err(Error::new(ErrorKind::Conflict, "provider_exists", message));
        }
        self.0.insert(name, provider);
        Ok(())
    }

    /// The provider that `name` stands for.
    ///
    /// # Errors
    /// Invalid (`provider_unknown`) with the names there are.
    pub(crate) fn get(&self, name: &str) -> Result<&Arc<dyn Provider>> {
        self.0.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
            let message = format!("there is no provider {name}; use one of {}", known.join(", "));
            Error::invalid("provider_unknown", "provider", message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::{echo::EchoProvider, openai::OpenAiProvider};

    #[test]
    fn providers_are_found_by_their_names() {
        let registry =
            Registry::new([Arc::new(EchoProvider) as Arc<dyn Provider>, Arc::new(OpenAiProvider::default())])
                .unwrap();
        assert_eq!(registry.get("echo").unwrap().name(), "echo");
        assert_eq!(registry.get("openai").unwrap().name(), "openai");
        let error = registry.get("x").unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "provider_unknown"));
        assert!(error.message().contains("echo, openai"), "{error}");
    }

    #[test]
    fn two_providers_of_one_name_are_refused() {
        let echo = || Arc::new(EchoProvider) as Arc<dyn Provider>;
        let error = Registry::new([echo(), echo()]).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, "provider_exists"));
        assert!(error.message().contains("echo"), "{error}");
    }
}
