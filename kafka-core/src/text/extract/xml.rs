//! XML as a row of pieces, without a tree: a part may be as deep as it wants to.

use std::borrow::Cow;

use quick_xml::{
    Reader, XmlVersion,
    escape::resolve_predefined_entity,
    events::{BytesStart, Event},
};

use super::error::{DAMAGED, ExtractError};

/// What is met on the way. Names are without their prefixes.
pub(super) enum Piece<'x> {
    Open(&'x str, &'x BytesStart<'x>),
    Close(&'x str),
    Said(Cow<'x, str>),
}

/// Gives the pieces of a part one after the other, until there is no more or none is wanted. Of entities, those of XML
/// itself mean something.
pub(super) fn read(part: &str, goes_on: &mut dyn FnMut(Piece<'_>) -> bool) -> Result<(), ExtractError> {
    let mut reader = Reader::from_str(part);
    loop {
        let wants_more = match reader.read_event().map_err(|_| DAMAGED)? {
            Event::Start(tag) => goes_on(Piece::Open(tag.local_name().as_ref(), &tag)),
            Event::Empty(tag) => {
                let name = tag.local_name();
                goes_on(Piece::Open(name.as_ref(), &tag)) && goes_on(Piece::Close(name.as_ref()))
            }
            Event::End(tag) => goes_on(Piece::Close(tag.local_name().as_ref())),
            Event::Text(said) => goes_on(Piece::Said(said.xml10_content())),
            Event::CData(said) => goes_on(Piece::Said(said.xml10_content())),
            Event::GeneralRef(entity) => {
                let sign = entity.resolve_char_ref().map_err(|_| DAMAGED)?;
                let said = sign.map(String::from);
                let said = said.or_else(|| resolve_predefined_entity(&entity).map(str::to_owned));
                goes_on(Piece::Said(said.unwrap_or_default().into()))
            }
            Event::Eof => return Ok(()),
            _ => true,
        };
        if !wants_more {
            return Ok(());
        }
    }
}

/// An attribute by its name without the prefix.
pub(super) fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = tag.attributes().flatten().find(|attribute| attribute.key.local_name().as_ref() == name)?;
    found.normalized_value(XmlVersion::Implicit1_0).ok().map(Cow::into_owned)
}
