"""Files of answers as people have them, in the forms of others, as the one table that an audit takes."""
