//! How the rows of sums are written; the layouts stand at the head of `totals.rs`.

use alloc::vec::Vec;

use caucus::{
    CountyTotal, Delegates, FinalTotal, FirstTotal, GroupTotal, People, PoolTotal, PoolWeight,
    PrecinctsTotal, Scaled,
};

use crate::codec::{Reader, What, Writer};

pub(super) fn encode_county(total: &CountyTotal) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.number(total.units);
    writer.list(total.groups.iter(), write_group);
    writer.finish()
}

pub(super) fn decode_county(bytes: &[u8]) -> Result<CountyTotal, What> {
    Reader::whole(bytes, |reader| {
        Ok(CountyTotal {
            units: reader.number()?,
            groups: reader.list(read_group)?,
        })
    })
}

pub(super) fn encode_pool(total: &PoolTotal) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.number(total.units).number(total.attendees.get());
    writer.list(total.groups.iter(), write_group);
    writer.list(total.weights.iter(), |writer, (elect, weight)| {
        writer.number(elect.get()).number(weight.units);
        writer.list(weight.groups.iter(), |writer, sum| {
            writer.wide(*sum);
        });
    });
    writer.finish()
}

pub(super) fn decode_pool(bytes: &[u8]) -> Result<PoolTotal, What> {
    Reader::whole(bytes, |reader| {
        let units = reader.number()?;
        let attendees = reader.number().map(People::of_sum)?;
        let groups = reader.list(read_group)?;
        let weights = reader.list(|reader| {
            let elect = reader.number().map(Delegates::of_sum)?;
            let units = reader.number()?;
            let groups = reader.list(Reader::wide)?;
            Ok((elect, PoolWeight { units, groups }))
        })?;
        Ok(PoolTotal {
            units,
            attendees,
            groups,
            weights: weights.into_iter().collect(),
        })
    })
}

pub(super) fn encode_precincts(total: &PrecinctsTotal) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.number(total.units);
    writer.list(total.groups.iter(), |writer, (group, worth)| {
        write_group(writer, group);
        writer.bytes(&worth.to_bytes());
    });
    writer.finish()
}

pub(super) fn decode_precincts(bytes: &[u8]) -> Result<PrecinctsTotal, What> {
    Reader::whole(bytes, |reader| {
        Ok(PrecinctsTotal {
            units: reader.number()?,
            groups: reader.list(|reader| {
                let group = read_group(reader)?;
                let worth = Scaled::from_bytes(reader.bytes()?).ok_or("a worth")?;
                Ok((group, worth))
            })?,
        })
    })
}

fn write_group(writer: &mut Writer, total: &GroupTotal) {
    writer
        .number(total.first.get())
        .number(total.last.get())
        .number(total.delegates.get());
}

fn read_group(reader: &mut Reader<'_>) -> Result<GroupTotal, What> {
    Ok(GroupTotal {
        first: FirstTotal::of_sum(People::of_sum(reader.number()?)),
        last: FinalTotal::of_sum(People::of_sum(reader.number()?)),
        delegates: reader.number().map(Delegates::of_sum)?,
    })
}
