export const secret = 'a secret of at least thirty-two bytes';
