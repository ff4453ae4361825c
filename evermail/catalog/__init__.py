"""The shop's product feed, in Google Merchant Center's format, into the store.

A feed goes one way: `source` opens it, `reading` makes items of it (`xml_feed`, `tsv_feed`), `product`
checks each of them (`price`, and `findings` for what is wrong), `intake` does so for the whole feed and
keeps it in `staging` on disk, `importer` compares that with the store and writes what differs. `report` says
what became of every item; `command` is `evermail catalog`.

The format is Google's product data specification (https://support.google.com/merchants/answer/7052112), in
RSS 2.0 (https://support.google.com/merchants/answer/14987622), Atom 1.0
(https://support.google.com/merchants/answer/14990811), or tab-separated text.
"""
