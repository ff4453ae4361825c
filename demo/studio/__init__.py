"""The studio: where a marketer looks at an email before it goes out, and takes it along for the mail service.

A page of the demo, and by itself with `evermail campaign preview`. `shelves` says whose email it is and what
they would see, `proof` makes the email, `views` shows it as clients do, `server` answers the page. What an
email is made of, how it is checked and what services get are `evermail.campaigns`: nothing of it is here.
"""
