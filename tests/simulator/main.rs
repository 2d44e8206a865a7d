//! Stories of whole swarms in virtual time. The rows are those of the bar for reliability: what must be stood.

mod announces;
mod beside;
mod ends;
mod kills;
mod latecomers;
mod links;
mod notes;
mod offers;
mod peers;
mod same;
mod same_content;
